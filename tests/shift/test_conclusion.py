"""The conclusion of the shift lab depends on the measured values."""

import numpy as np
import pytest

from jitcnn.shift import LAB_NETS, Equivariance, Lab, LabNet, ShiftMap, summarise_lab


def net(name, by_distance, *, augmented=False, agreement=None, inside=()):
    """A lab net with the given accuracy at each distance."""
    reach = len(by_distance) - 1
    away = np.abs(np.arange(-reach, reach + 1))
    distance = np.maximum(away[:, None], away)
    shares = [np.array(each)[distance] for each in (by_distance, agreement or by_distance)]
    return LabNet(name, LAB_NETS[name], 25_000, augmented, [], ShiftMap(*shares, 1000), 1.0, list(inside))


def lines(*nets, **settings):
    return summarise_lab(Lab("digits", 100, 1000, 0, nets=list(nets), **settings)).splitlines()


def commuting(shift, largest, typical=0.0, stride=2):
    return Equivariance("Conv2D", stride, shift, largest, typical)


STEEP = [0.97, 0.96, 0.9, 0.7, 0.5]


def test_small_loss_is_called_tolerance():
    (line,) = lines(net("max", STEEP), net("average", [0.97, 0.95, 0.9, 0.8, 0.6]))
    assert line == (
        "Pooling gives tolerance to small shifts, not invariance: accuracy drops by 1.0 to 2.0 points at 1 pixel and "
        "37.0 to 47.0 points at 4 (max pooling and average pooling)."
    )


@pytest.mark.parametrize(
    ("by_distance", "words"),
    [
        ([0.97, 0.9, 0.8, 0.7, 0.5], "tolerate even a 1-pixel shift: accuracy drops by 7.0 points at 1 pixel"),
        ([0.97, 0.97, 0.97, 0.97, 0.96], "do not distinguish tolerance from invariance"),
        ([0.97, 0.97, 0.96, 0.95, 0.92], "to different degrees"),
    ],
)
def test_other_losses_change_the_text(by_distance, words):
    (line,) = lines(net("max", by_distance))
    assert words in line


def test_tolerance_is_omitted_for_a_reach_below_four():
    assert lines(net("max", [0.97, 0.96, 0.9])) == []


def test_equivariance_is_reported_when_measured():
    inside = [commuting(1, 3e-7, stride=1), commuting(1, 0.6, 0.3), commuting(2, 2e-7, 1e-7)]
    first, second = lines(net("max", [0.9, 0.9], inside=inside))
    assert first.startswith("Convolution is translation-equivariant: when the input shifts")
    assert "by at most 3e-07 of their maximum" in first
    assert second == (
        "After the first downsampling, feature maps follow a shift by 2 pixels (difference: at most 2e-07), but after a shift "
        "by 1 pixel their RMS difference from maps shifted by half a step is 30% (max pooling)."
    )


def test_zero_difference_is_called_exact():
    (line,) = lines(net("max", [0.9, 0.9], inside=[commuting(1, 0.0, stride=1)]))
    assert "shifted copies by exactly 0, away from the border" in line


def test_maps_that_do_not_follow_are_not_called_equivariant():
    inside = [commuting(1, 0.2, stride=1), commuting(1, 0.6, 0.3), commuting(2, 0.1, 0.1)]
    first, second = lines(net("max", [0.9, 0.9], inside=inside))
    assert first.startswith("Convolution is not translation-equivariant here")
    assert "do not follow a shift by 2 pixels" in second
    assert "but after" not in second


def test_pairs_are_compared_with_their_noise():
    first, line = lines(net("max", [0.97, 0.96, 0.9]), net("dense", [0.97, 0.9, 0.6]))
    assert first.startswith(
        "At a shift of 1 pixel, agreement with the unshifted prediction is 96.0% for max pooling and 90.0% for dense"
    )
    assert (
        line == "At a shift of 2 pixels, accuracy is 90.0% for max pooling and 60.0% for dense baseline (+30.0 points)."
    )
    _, line = lines(net("max", [0.97, 0.96, 0.6]), net("dense", [0.97, 0.9, 0.9]))
    assert line.endswith("(-30.0 points).")
    (line,) = lines(net("blurred", [0.97, 0.96], agreement=[1, 0.96]), net("max", [0.9, 0.9], agreement=[1, 0.95]))
    assert line == (
        "At a shift of 1 pixel, agreement with the unshifted prediction is 96.0% for blurred pooling and 95.0% for max "
        "pooling (no significant difference on 1,000 images)."
    )


@pytest.mark.parametrize(
    ("by_distance", "words"),
    [
        (
            [0.9, 0.85, 0.8, 0.75, 0.7],
            "20.0 points of accuracy at 4 pixels, the least of all nets; the others lose 47.0 to 75.0 points",
        ),
        ([0.9, 0.5, 0.4, 0.3, 0.1], "80.0 points of accuracy at 4 pixels, the most of all nets"),
        ([0.9, 0.8, 0.7, 0.5, 0.3], "60.0 points of accuracy at 4 pixels, neither the least nor the most of all nets"),
        (
            [0.9, 0.9, 0.9, 0.9, 0.88],
            "The net with global average pooling loses 2.0 points of accuracy at 4 pixels; the others",
        ),
    ],
)
def test_global_pooling_is_compared_with_all_others(by_distance, words):
    others = net("strided", STEEP), net("dense", [0.95, 0.8, 0.5, 0.3, 0.2])
    (line,) = lines(*others, net("global", by_distance))
    assert words in line


def test_effect_of_augmentation_is_reported_with_sign():
    plain = net("dense", [0.95, 0.8, 0.5, 0.3, 0.2]), net("strided", [0.97, 0.95, 0.9, 0.8, 0.6])
    shifted = (
        net("dense", [0.9, 0.85, 0.8, 0.7, 0.5], augmented=True),
        net("strided", [0.98, 0.97, 0.96, 0.95, 0.9], augmented=True),
    )
    first, second = lines(*plain, *shifted)
    assert first == (
        "Training with shifts up to 4 pixels changes the accuracy at 4 pixels by +30 (dense baseline) to +30 points "
        "(strided convolution), and the unshifted accuracy by -5.0 to +1.0 points."
    )
    assert "at 4 pixels is 50.0% (dense baseline) to 90.0% (strided convolution)" in second
    assert "the lowest is not higher than the best without them (strided convolution, 60.0%)" in second
    _, second = lines(*plain, *shifted[1:])
    assert "the lowest is higher than" in second


def test_largest_shift_is_reported_with_the_remaining_ink():
    reached = net("dense", [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    (line,) = lines(reached, ink_kept={4: 0.99, 8: 0.71})
    assert line == (
        "At 8 pixels, with 71% of the ink left in the image, the best accuracy is 20.0% (dense baseline, trained without "
        "shifts): no net is translation-invariant."
    )
    (line,) = lines(net("dense", [0.95] * 9), ink_kept={8: 0.71})
    assert "almost translation-invariant" in line
