"""The range of values with more than 8 bits comes from the values and the stated bit depth."""

import numpy as np
import pytest

from jitcnn.data.value_range import ValueFacts, describe, is_almost_one_value, to_bytes


def facts(values, dtype=np.uint16, bits=0):
    return ValueFacts.of(np.asarray(values, dtype), bits)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 200], (0, 255)),
        ([3, 1000], (0, 1023)),
        ([0, 1023], (0, 1023)),
        ([7, 1024], (0, 4095)),
        ([0, 4095], (0, 4095)),
        ([5, 16383], (0, 16383)),
        ([5, 16384], (0, 65535)),
        ([4, 16000], (0, 65535)),  # multiples of 4: moved to the upper bits
        ([257, 40 * 257], (0, 65535)),  # multiples of 257: 8 bits, repeated
        ([0, 0], (0, 65535)),
    ],
)
def test_unsigned_integers_get_the_smallest_common_bit_depth(values, expected):
    assert facts(values).value_range() == expected


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([-1000, 3000], np.int16, (-1000, 3000)),
        ([0, 70_000], np.int32, (0, 70_000)),
        ([0, 1], np.float32, (0, 1)),
        ([0.25, 0.5], np.float32, (0, 1)),
        ([0, 255], np.float32, (0, 255)),
        ([0, 4095], np.float64, (0, 4095)),
        ([0.5, 9.75], np.float32, (0.5, 9.75)),
        ([-1, 1], np.float32, (-1, 1)),
        ([np.nan, 0.5, 9.75, np.inf], np.float32, (0.5, 9.75)),
        ([250.25, 252.5], np.float32, (0, 252.5)),  # paper with noise, which must not be stretched
        ([np.nan], np.float32, (0, 1)),
    ],
)
def test_signed_and_float_values_get_their_own_range(values, dtype, expected):
    assert facts(values, dtype).value_range() == expected


def test_stated_bit_depth_is_used():
    assert facts([0, 900], bits=12).value_range() == (0, 4095)
    assert facts([0, 900], bits=16).value_range() == (0, 65535)


def test_narrow_values_are_stretched_only_for_a_set():
    thermal = facts([29_000, 31_000])
    assert thermal.value_range() == (0, 65535)
    assert thermal.value_range(of_set=True) == (29_000, 31_000)
    assert facts([0.001, 0.02], np.float32).value_range(of_set=True) == pytest.approx((0.001, 0.02))


def test_set_has_the_range_of_its_largest_value():
    assert facts([0, 900]).merge(facts([5, 4000])).value_range() == (0, 4095)
    assert facts([0, 257]).merge(facts([1, 900])).value_range() == (0, 1023)


def test_values_are_scaled_and_clipped():
    assert to_bytes(np.array([-5, 0, 2048, 4095, 9999]), (0, 4095)).tolist() == [0, 0, 128, 255, 255]
    assert to_bytes(np.array([np.nan, np.inf, -np.inf, 0.5]), (0, 1)).tolist() == [0, 255, 0, 128]
    assert to_bytes(np.array([3, 3]), (3, 3)).tolist() == [0, 0]


def test_range_is_described_with_its_bit_depth():
    assert describe((0, 4095)) == "0 to 4,095 (12 bits)"
    assert describe((0.0, 1.0)) == "0 to 1"
    assert describe((-1000.0, 3000.0)) == "-1,000 to 3,000"
    assert describe((0.5, 9.75)) == "0.5 to 9.75"


@pytest.mark.parametrize(("values", "expected"), [([7], True), ([7, 15], True), ([7, 16], False), ([0, 255], False)])
def test_almost_one_value_spans_at_most_eight(values, expected):
    assert is_almost_one_value(np.bincount(values, minlength=256)) == expected


def test_outliers_do_not_hide_that_a_set_is_of_one_value():
    counts = np.zeros(256, np.int64)
    counts[3], counts[255] = 100_000, 5
    assert is_almost_one_value(counts, 1e-4)
    assert not is_almost_one_value(counts)
    counts[255] = 500
    assert not is_almost_one_value(counts, 1e-4)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
def test_facts_of_every_type_of_number(dtype):
    facts = ValueFacts.of(np.array([[0, 1]], dtype))
    assert (facts.low, facts.high, facts.is_whole, facts.is_widened) == (0, 1, True, False)
