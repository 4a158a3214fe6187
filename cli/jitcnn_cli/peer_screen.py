"""Run ``jitcnn bench --against`` another framework, and print its table."""

from dataclasses import asdict
from typing import Any

from rich.console import Console

from jitcnn.benchmark.machine import environment
from jitcnn.benchmark.peers.league import League, league, race_peer
from jitcnn.benchmark.side import Request
from jitcnn.errors import ConfigError
from jitcnn.models import find_net
from jitcnn.support.text import count_of
from jitcnn_cli.console import NOTE, Bar, table


def race_peers(console: Console, request: Request, against: str, *, impl: str, rounds: int) -> dict[str, Any]:
    """Compare with one framework, or with all that are installed; return the results for ``--json``."""
    _check(request, against, impl)
    find_net(request.model, input_shape=request.input_shape)  # an unknown model is an error, whatever is installed
    with Bar("benchmarking", None, NOTE) as bar:
        if against == "all":
            found = league(request, rounds=rounds, on_turn=bar.show)
        else:
            found = League(race_peer(request, against, rounds=rounds, on_turn=bar.show), {})
    where = environment()
    _show(console, request, found, where)
    return {
        "against": [{**asdict(row), "ratio": row.ratio} for row in found.rows],
        "left_out": found.left_out,
        "environment": where,
    }


def _check(request: Request, against: str, impl: str) -> None:
    """Raise ConfigError for options that only comparisons layer by layer have."""
    for option, value, expected in (
        ("--shapes", request.cases, ("model",)),
        ("--dtype", request.dtype, ("float32",)),
        ("--impl", impl, ("auto", "all")),
    ):
        if value not in expected:
            raise ConfigError(f"--against {against} expects {option} {' or '.join(expected)}, got {value}.")


def _show(console: Console, request: Request, found: League, where: dict[str, Any]) -> None:
    for name, reason in found.left_out.items():
        console.print(f"{name}: {reason}", soft_wrap=True, markup=False, highlight=False)
    if found.rows:
        shown = table(request.model, "framework", "task", "theirs ms", "jitcnn ms", "ratio", "min", "max", left=2)
        previous = ""
        for row in found.rows:
            name = f"{row.peer} {row.version}"
            shown.add_row(
                name if name != previous else "",
                row.task,
                f"{row.theirs * 1e3:,.3f}",
                f"{row.ours * 1e3:,.3f}",
                f"{row.ratio:.2f}",
                f"{min(row.ratios):.2f}",
                f"{max(row.ratios):.2f}",
            )
            previous = name
        console.print(shown)
        console.print(
            "ms: median per batch; ratio: our speed over theirs (above 1, we are faster), median, minimum and maximum of "
            f"{count_of(len(found.rows[0].ratios), 'pair')} of turns in separate processes; the probabilities agree.",
            soft_wrap=True,
        )
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    console.print(
        f"{where['processor']}, {where['vector_bits']}-bit vectors, {count_of(where['threads'], 'thread')} ({where['threading_layer']}); "
        f"{versions}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
