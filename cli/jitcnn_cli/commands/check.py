"""``jitcnn check``: verify this installation."""

import click

ANY_BUG = "any"


@click.command("check")
@click.option(
    "--only",
    "topic",
    metavar="TOPIC",
    help="Run the checks of one topic: a layer such as Conv2D, or fused, loss, optimiser, net, state, threads, torch.",
)
@click.option(
    "--plant-bug", "bug", metavar="[NAME]", is_flag=False, flag_value=ANY_BUG,
    help="Introduce a bug that the checks must find: NAME, or a random one if NAME is omitted. An unknown NAME lists all "
    "bugs.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=None, show_default="0; without a seed, --plant-bug picks a new bug each time",
    help="Random seed of the tested shapes and of --plant-bug.",
)  # fmt: skip
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the results as JSON to FILE, or to stdout if FILE is -.",
)
def command(topic: str | None, bug: str | None, seed: int | None, json_file: str | None) -> None:
    """Verify this installation on this machine.

    Checks hand-worked examples; every implementation against naive on random shapes; numerical gradients of every
    backward pass, the loss and whole models; the initial loss, overfitting of one batch and an update of every parameter;
    bit-identical results on 1, 2 and 4 threads; and agreement with torch, if installed. Exits with code 1 on failure.

    \b
    Example:
      jitcnn check --only MaxPool2D
    """
    import json
    import sys
    from dataclasses import asdict
    from time import perf_counter

    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from jitcnn.benchmark.machine import environment
    from jitcnn.check import BUGS, Finding, find_bug, run_checks
    from jitcnn.kernels import runtime
    from jitcnn.support.files import atomic_write
    from jitcnn_cli.console import machine_line, stdout

    console = Console(stderr=True, quiet=True) if json_file == "-" else stdout()
    if bug == ANY_BUG:
        bug = str(np.random.default_rng(seed).choice(list(BUGS)))
    planted = None if bug is None else find_bug(bug)
    console.print(f"checking on {machine_line()}", soft_wrap=True)
    if planted:
        console.print(f"planted bug: {planted.name}, {planted.what}", style="yellow", soft_wrap=True)

    def compiling(_name: str, count: int) -> None:
        if count == 0:
            click.echo("compiling kernels (first run only): this takes one to two minutes", err=True)

    start, findings = perf_counter(), list[Finding]()
    with runtime.CompileClock(on_kernel=compiling):
        for finding in run_checks(seed or 0, topic, bug):
            findings.append(finding)
            verdict = ("ok    ", "green") if finding.ok else ("FAILED", "bold red")
            line = Text.assemble(verdict, f"  {finding.name}: {finding.figure}")
            console.print(line, soft_wrap=not console.is_terminal)
    seconds, failed = perf_counter() - start, sum(not finding.ok for finding in findings)
    last = f"{len(findings)} checks: {len(findings) - failed} ok, {failed} failed, {seconds:.1f} s"
    console.print(last, style="bold red" if failed else "bold green", soft_wrap=True)
    if json_file:
        record = {
            "ok": failed == 0,
            "passed": len(findings) - failed,
            "failed": failed,
            "seconds": seconds,
            "settings": {"only": topic, "planted": bug, "seed": seed or 0},
            "environment": environment(),
            "checks": [asdict(finding) for finding in findings],
        }
        text = json.dumps(record, indent=2, allow_nan=False)
        if json_file == "-":
            click.echo(text)
        else:
            with atomic_write(json_file) as file:
                file.write(text.encode())
            console.print(f"results written to {json_file}", soft_wrap=True)
    if failed:
        sys.exit(1)
