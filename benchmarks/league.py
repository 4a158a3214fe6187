"""Compare networks with every framework that is installed, and write the table.

    python benchmarks/league.py [--models mnist-cnn resnet20 cifar-vgg] [--rounds 5] [--output benchmarks/league.md]

Runs `jitcnn bench --against all` for each model. Losing rows stay in the table, and frameworks that were left out are listed.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMMAND = "jitcnn bench --model {} --against all --rounds {}"


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mnist-cnn", "resnet20", "cifar-vgg"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    records = {model: measure(model, options.rounds) for model in options.models}
    text = table(records, options.rounds, f"{datetime.now(UTC):%Y-%m-%d}")
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")


def measure(model: str, rounds: int) -> dict[str, Any]:
    """The JSON of one command."""
    command = [sys.executable, "-m", "jitcnn_cli", *COMMAND.format(model, rounds).split()[1:], "--json", "-"]
    record: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return record


def table(records: dict[str, dict[str, Any]], rounds: int, date: str) -> str:
    """The page: machine, versions and commands, one row per model, task and framework, and what was left out."""
    where = next(iter(records.values()))["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    commands = ", ".join(f"`{COMMAND.format(model, rounds)}`" for model in records)
    lines = [
        "# Comparison with other frameworks",
        "",
        f"{date}, {where['threads']} threads on {where['cores']} cores of {where['processor']}, {where['vector_bits']}-bit vectors; "
        f"{versions}. Commands: {commands}; all at once: `python benchmarks/league.py`. The ratio is our speed over theirs; above 1, we are "
        "faster. It is the median of the pairs of turns, with minimum and maximum.",
        "",
        "| model | task | framework | theirs | jitcnn | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for model, record in records.items():
        for row in sorted(
            record["against"], key=lambda row: row["task"], reverse=True
        ):  # training first; the sort is stable
            lines.append(
                f"| {model} | {row['task']} | {row['peer']} {row['version']} | {row['theirs'] * 1e3:.3f} ms | "
                f"{row['ours'] * 1e3:.3f} ms | {row['ratio']:.2f} ({min(row['ratios']):.2f} to {max(row['ratios']):.2f}) |"
            )
    left_out = [
        f"- {model}, {name}: {why}" for model, record in records.items() for name, why in record["left_out"].items()
    ]
    return "\n".join([*lines, *(["", "Left out:", "", *left_out] if left_out else [])])


if __name__ == "__main__":
    main()
