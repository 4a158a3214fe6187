"""Sentences that follow from the numbers, and turn with them."""

import numpy as np
import pytest

from jitcnn.shift import LAB_NETS, Commuting, Lab, LabNet, ShiftMap, conclude


def net(name, by_distance, *, augmented=False, agreement=None, inside=()):
    """A net that reads this share of the images at each distance."""
    reach = len(by_distance) - 1
    away = np.abs(np.arange(-reach, reach + 1))
    distance = np.maximum(away[:, None], away)
    shares = [np.array(each)[distance] for each in (by_distance, agreement or by_distance)]
    return LabNet(name, LAB_NETS[name], 25_000, augmented, [], ShiftMap(*shares, 1000), 1.0, list(inside))


def lines(*nets, **settings):
    return conclude(Lab("digits", 100, 1000, 0, nets=list(nets), **settings)).splitlines()


def commuting(shift, largest, typical=0.0, stride=2):
    return Commuting("Conv2D", stride, shift, largest, typical)


STEEP = [0.97, 0.96, 0.9, 0.7, 0.5]


def test_pooling_that_forgives_a_little_is_tolerance():
    (line,) = lines(net("max", STEEP), net("average", [0.97, 0.95, 0.9, 0.8, 0.6]))
    assert line == (
        "Pooling gives tolerance of small shifts, not invariance: max pooling and average pooling lose "
        "1.0 to 2.0 points at 1 pixel, 37.0 to 47.0 points at 4."
    )


@pytest.mark.parametrize(
    ("by_distance", "words"),
    [
        ([0.97, 0.9, 0.8, 0.7, 0.5], "Not even 1 pixel is forgiven by all: max pooling lose 7.0 points at 1 pixel"),
        ([0.97, 0.97, 0.97, 0.97, 0.96], "do not tell pooling from invariance"),
        ([0.97, 0.97, 0.96, 0.95, 0.92], "and not the same to all"),
    ],
)
def test_other_numbers_say_otherwise(by_distance, words):
    (line,) = lines(net("max", by_distance))
    assert words in line


def test_a_reach_of_less_than_four_says_nothing_of_tolerance():
    assert lines(net("max", [0.97, 0.96, 0.9])) == []


def test_equivariance_is_said_where_it_was_measured():
    inside = [commuting(1, 3e-7, stride=1), commuting(1, 0.6, 0.3), commuting(2, 2e-7, 1e-7)]
    first, second = lines(net("max", [0.9, 0.9], inside=inside))
    assert first.startswith("A convolution is equivariant: when the image moves")
    assert "to within 3e-07 of their largest number" in first
    assert second == (
        "Behind the first halving the maps follow a move by 2 pixels to within 2e-07, but not a move by 1: they are off by "
        "30% (max pooling), root mean square, from the maps moved by half a step."
    )


def test_no_difference_at_all_is_called_exact():
    (line,) = lines(net("max", [0.9, 0.9], inside=[commuting(1, 0.0, stride=1)]))
    assert "move with it exactly, away from the border" in line


def test_maps_that_do_not_move_are_not_called_equivariant():
    inside = [commuting(1, 0.2, stride=1), commuting(1, 0.6, 0.3), commuting(2, 0.1, 0.1)]
    first, second = lines(net("max", [0.9, 0.9], inside=inside))
    assert first.startswith("A convolution is not equivariant here")
    assert "do not follow a move by 2 pixels" in second
    assert "but not" not in second


def test_pairs_are_set_beside_each_other_with_their_noise():
    first, line = lines(net("max", [0.97, 0.96, 0.9]), net("dense", [0.97, 0.9, 0.6]))
    assert first.startswith(
        "Moved by 1 pixel, max pooling gives the same answer as unmoved on 96.0% of the images, dense"
    )
    assert line == "Moved by 2 pixels, max pooling reads 90.0% of the images, dense baseline 60.0%: 30.0 points more."
    _, line = lines(net("max", [0.97, 0.96, 0.6]), net("dense", [0.97, 0.9, 0.9]))
    assert line.endswith("30.0 points less.")
    (line,) = lines(net("blurred", [0.97, 0.96], agreement=[1, 0.96]), net("max", [0.9, 0.9], agreement=[1, 0.95]))
    assert line == (
        "Moved by 1 pixel, blurred pooling gives the same answer as unmoved on 96.0% of the images, max pooling 95.0%: "
        "no difference that 1,000 images could show."
    )


@pytest.mark.parametrize(
    ("by_distance", "words"),
    [
        ([0.9, 0.85, 0.8, 0.75, 0.7], "loses 20.0 points at 4 pixels, least of all: the others 47.0 to 75.0 points"),
        ([0.9, 0.5, 0.4, 0.3, 0.1], "loses 80.0 points at 4 pixels, most of all"),
        ([0.9, 0.8, 0.7, 0.5, 0.3], "loses 60.0 points at 4 pixels, neither least nor most of all"),
        (
            [0.9, 0.9, 0.9, 0.9, 0.88],
            "The net that ends in the mean of every plane loses 2.0 points at 4 pixels, the others",
        ),
    ],
)
def test_the_mean_of_every_plane_is_set_beside_all_others(by_distance, words):
    others = net("strided", STEEP), net("dense", [0.95, 0.8, 0.5, 0.3, 0.2])
    (line,) = lines(*others, net("global", by_distance))
    assert words in line


def test_what_augmentation_changes_is_told_with_its_sign():
    plain = net("dense", [0.95, 0.8, 0.5, 0.3, 0.2]), net("strided", [0.97, 0.95, 0.9, 0.8, 0.6])
    shifted = (
        net("dense", [0.9, 0.85, 0.8, 0.7, 0.5], augmented=True),
        net("strided", [0.98, 0.97, 0.96, 0.95, 0.9], augmented=True),
    )
    first, second = lines(*plain, *shifted)
    assert first == (
        "Learning from images moved by up to 4 pixels changes the accuracy at 4 pixels by +30 (dense baseline) to +30 points "
        "(strided convolution), and unmoved by -5.0 to +1.0."
    )
    assert "read 50.0% (dense baseline) to 90.0% (strided convolution) there" in second
    assert "the least of them reads less than the best without it (strided convolution, 60.0%)" in second
    _, second = lines(*plain, *shifted[1:])
    assert "reads more than" in second


def test_the_farthest_shift_is_told_with_the_ink_that_is_left():
    reached = net("dense", [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    (line,) = lines(reached, ink_kept={4: 0.99, 8: 0.71})
    assert line == (
        "At 8 pixels, where 71% of the ink is still on the image, the best reads 20.0% (dense baseline, without shifted "
        "images): no net here is invariant."
    )
    (line,) = lines(net("dense", [0.95] * 9), ink_kept={8: 0.71})
    assert "as good as invariant" in line
