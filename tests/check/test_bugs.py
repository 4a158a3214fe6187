"""Every planted bug fails the check and is removed afterwards."""

import pytest

from jitcnn import functional
from jitcnn.check import BUGS, TOPICS, gradients, planted, run_checks
from jitcnn.check.outcome import run_check
from jitcnn.errors import ConfigError

# Not detectable by numeric gradients: kinks, code outside the gradients, and consistent forward and backward errors.
OTHERS = {
    "max-pool-last-tie", "dropout-without-scale", "momentum-sign", "adam-betas-swapped", "first-layer-forgotten",
    "state-on-the-layer", "evaluation-recorded", "thread-changes-bits", "folded-mean-forgotten",
}  # fmt: skip


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_fails_the_check(name):
    assert any(not finding.ok for finding in run_checks(topic=BUGS[name].topic, bug=name))


@pytest.mark.parametrize("name", sorted(set(BUGS) - OTHERS))
def test_numeric_gradients_detect_the_bug(name):
    with planted(name):
        checks = (check for check in gradients.checks() if BUGS[name].topic in check.topics)
        assert any(not run_check(check).ok for check in checks)


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_is_removed_afterwards(name):
    bug = BUGS[name]
    right = vars(bug.owner)[bug.attribute]
    with planted(name):
        assert vars(bug.owner)[bug.attribute] is not right
    assert vars(bug.owner)[bug.attribute] is right
    with pytest.raises(KeyboardInterrupt), planted(name):
        raise KeyboardInterrupt
    assert vars(bug.owner)[bug.attribute] is right


def test_bug_is_planted_only_while_a_check_runs():
    right = functional.relu_backward
    for finding in run_checks(topic="ReLU", bug="relu-mask-inverted"):
        assert functional.relu_backward is right
        if not finding.ok:
            break


def test_every_bug_has_a_description_and_a_topic():
    for bug in BUGS.values():
        assert bug.what
        assert bug.topic in TOPICS


def test_unknown_bug_raises_with_the_valid_names():
    with (
        pytest.raises(ConfigError, match=r"no bug named 'tanh' .*: choose one of .*tanh-not-squared.*"),
        planted("tanh"),
    ):
        pass
