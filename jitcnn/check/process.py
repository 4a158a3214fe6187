"""Run a check in a separate process: ``python -m MODULE ARGUMENTS`` prints its outcomes as JSON."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

from ..errors import JitCNNError
from ..kernels import runtime
from .outcome import Outcome

# Includes compiling all kernels.
LONGEST_SECONDS = 600


class CheckError(JitCNNError, RuntimeError):
    """The process of a check failed."""


def ask(module: str, *arguments: str, **environment: str) -> dict[str, Outcome]:
    """The outcomes of the process, by name; CheckError with its last line of stderr if it fails."""
    surroundings = {**os.environ, "NUMBA_CACHE_DIR": runtime.cache_folder(), **environment}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command,
        env=surroundings,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=LONGEST_SECONDS,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no error output"])[-1]
        raise CheckError(f"the process {module} ended with exit code {done.returncode}: {last}")
    return {name: Outcome(**outcome) for name, outcome in json.loads(done.stdout).items()}


def answer(outcomes: dict[str, Outcome]) -> None:
    """Print the outcomes for ``ask`` in the parent process."""
    print(json.dumps({name: asdict(outcome) for name, outcome in outcomes.items()}))
