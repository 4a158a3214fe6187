"""Train recipes with several seeds and print their test accuracy as a table.

    python benchmarks/recipes.py RECIPE [RECIPE …] [--seeds 0 1 2] [--threads T] --runs FOLDER [--output FILE.md]

Each run is `jitcnn train --recipe RECIPE --seed S` in a separate process, saved in FOLDER/RECIPE-S. Existing runs are
reused. Data sets are located as in `jitcnn`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any


def run(recipe: str, seed: int, threads: int | None, runs: Path) -> dict[str, Any]:
    """Load the history of one run; train first if it does not exist."""
    folder = runs / f"{recipe}-{seed}"
    history = folder / "history.json"
    if not history.is_file():
        options = ["--recipe", recipe, "--seed", str(seed), "--no-baseline", "--output", str(folder)]
        threaded = [] if threads is None else ["--threads", str(threads)]
        subprocess.run([sys.executable, "-m", "jitcnn_cli", "train", *options, *threaded], check=True)
    found: dict[str, Any] = json.loads(history.read_text("utf-8"))
    return found


def row(recipe: str, histories: list[dict[str, Any]]) -> str:
    """Format a table row: mean accuracy, accuracy of each seed, epochs, training time of the slowest run."""
    (name,) = histories[0]["results"]
    accuracies = [history["results"][name]["accuracy"] for history in histories]
    epochs = histories[0]["histories"][name]["epochs"]
    seconds = [sum(epoch["seconds"] for epoch in history["histories"][name]["epochs"]) for history in histories]
    each = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
    cells = [f"`{recipe}`", name, str(len(epochs)), f"{mean(accuracies):.2%}", each, f"{max(seconds) / 60:.1f} min"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run missing trainings, print the table, and write it to --output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, help="threads per training; by default one per core")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    arguments = parser.parse_args()
    lines = ["| recipe | net | epochs | test accuracy, mean | each seed | training |", "|---|---|---|---|---|---|"]
    for recipe in arguments.recipes:
        lines.append(row(recipe, [run(recipe, seed, arguments.threads, arguments.runs) for seed in arguments.seeds]))
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if arguments.output:
        arguments.output.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
