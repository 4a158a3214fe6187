"""Learning rate schedules."""

from math import nan

import pytest

from jitcnn.errors import ConfigError
from jitcnn.schedules import constant, cosine, one_cycle, share_of_run, stepwise, warmed_up


def rates(schedule, *shares):
    return [schedule(share) for share in shares]


def test_constant():
    assert rates(constant(0.3), 0, 0.5, 1) == [0.3] * 3


def test_stepwise_milestones_in_any_order():
    schedule = stepwise(1.0, [0.8, 0.5], factor=0.1)
    assert rates(schedule, 0, 0.499, 0.5, 0.799, 0.8, 1) == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_decays_to_its_floor():
    schedule = cosine(1.0, floor=0.2)
    assert rates(schedule, 0, 1 / 3, 0.5, 2 / 3, 1) == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])


def test_one_cycle_rises_linearly_and_decays():
    schedule = one_cycle(1.0, warm_up=0.2)
    assert rates(schedule, 0, 0.1, 0.2, 0.6, 1) == pytest.approx([0.001, 0.5005, 1, 0.5005, 0.001])


def test_warm_up_precedes_the_schedule():
    schedule = warmed_up(cosine(1.0), 0.2)
    assert rates(schedule, 0, 0.1, 0.2, 0.6, 1) == pytest.approx([0.001, 0.5005, 1, 0.5, 0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: one_cycle(0.1, warm_up=1), "warm_up must lie between 0 and 1, got 1"),
        (lambda: warmed_up(constant(0.1), 0), "warm_up must lie between 0 and 1, got 0"),
        (lambda: stepwise(0.1, []), r"milestones must be shares of the run between 0 and 1, at least one, got \[\]"),
        (lambda: stepwise(0.1, [0.5, 1.5]), r"milestones must be shares .*, got \[0.5, 1.5\]"),
        (lambda: stepwise(0.1, [0.5], factor=0), "factor must be above 0 and at most 1, got 0"),
        (lambda: cosine(0.1, floor=0.2), "floor must lie between 0 and the learning rate, 0.1, got 0.2"),
        (lambda: cosine(0.1, floor=nan), "floor must lie between"),
        (
            lambda: share_of_run("warm-up ends", 0, 5),
            "The schedule's warm-up ends after 0 epochs, expected more than 0",
        ),
        (
            lambda: share_of_run("warm-up ends", 5, 5),
            "schedule is longer than the run: its warm-up ends after 5 epochs, but the run has 5; move it earlier",
        ),
    ],
)
def test_settings_out_of_range_raise(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
