"""Is this installation right? Answers by hand, implementations against each other, numeric gradients, learning, torch.

``run_checks`` asks everything, ``BUGS`` are mistakes that it must find, ``planted`` makes one of them.
"""

from .bugs import BUGS, Bug, find_bug, planted
from .outcome import Check, Finding, Outcome
from .suite import TOPICS, all_checks, run_checks

__all__ = ["BUGS", "TOPICS", "Bug", "Check", "Finding", "Outcome", "all_checks", "find_bug", "planted", "run_checks"]
