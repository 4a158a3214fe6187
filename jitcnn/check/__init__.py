"""Self-check of an installation: hand-computed examples, agreement of implementations, gradients, training, torch.

``run_checks`` runs all checks, ``BUGS`` are bugs that they must detect, ``planted`` injects one of them.
"""

from .bugs import BUGS, Bug, find_bug, planted
from .outcome import Check, Finding, Outcome
from .suite import TOPICS, all_checks, run_checks

__all__ = ["BUGS", "TOPICS", "Bug", "Check", "Finding", "Outcome", "all_checks", "find_bug", "planted", "run_checks"]
