"""Every mistake of the table must turn the check red, and be gone afterwards."""

import pytest

from jitcnn import functional
from jitcnn.check import BUGS, TOPICS, gradients, planted, run_checks
from jitcnn.check.outcome import run_check
from jitcnn.errors import ConfigError

# What the numeric gradients cannot see: a kink, what is no gradient, and what errs forward and back alike.
OTHERS = {
    "max-pool-last-tie", "dropout-without-scale", "momentum-sign", "adam-betas-swapped", "first-layer-forgotten",
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_turns_the_check_red(name):
    assert any(not finding.ok for finding in run_checks(topic=BUGS[name].topic, bug=name))


@pytest.mark.parametrize("name", sorted(set(BUGS) - OTHERS))
def test_the_numeric_gradients_alone_see_it(name):
    with planted(name):
        checks = (check for check in gradients.checks() if BUGS[name].topic in check.topics)
        assert any(not run_check(check).ok for check in checks)


@pytest.mark.parametrize("name", BUGS)
def test_everything_is_as_before_once_a_bug_is_gone(name):
    bug = BUGS[name]
    right = vars(bug.owner)[bug.attribute]
    with planted(name):
        assert vars(bug.owner)[bug.attribute] is not right
    assert vars(bug.owner)[bug.attribute] is right
    with pytest.raises(KeyboardInterrupt), planted(name):
        raise KeyboardInterrupt
    assert vars(bug.owner)[bug.attribute] is right


def test_nothing_is_planted_between_two_findings():
    right = functional.relu_backward
    for finding in run_checks(topic="ReLU", bug="relu-mask-inverted"):
        assert functional.relu_backward is right
        if not finding.ok:
            break


def test_every_bug_says_what_it_is_and_has_checks():
    for bug in BUGS.values():
        assert bug.what
        assert bug.topic in TOPICS


def test_an_unknown_bug_is_told_with_all_that_there_are():
    with (
        pytest.raises(ConfigError, match=r"no bug named 'tanh' .*: choose one of .*tanh-not-squared.*"),
        planted("tanh"),
    ):
        pass
