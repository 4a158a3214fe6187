"""Output sizes, padding and receptive fields: worked by hand and against counting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitcnn import output_size
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.shapes import pair, receptive_field, seen_through, window_grid


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((28, 3), 26), ((26, 2, 2), 13), ((5, 5), 1), ((224, 11, 4, 2), 55), ((7, 3, 2, 1), 4), ((7, 3, 1, 0, 2), 3)],
)
def test_output_size_worked_by_hand(sizes, expected):
    assert output_size(*sizes) == expected


STEPS = st.integers(1, 5)


@given(size=st.integers(1, 40), kernel=st.integers(1, 9), stride=STEPS, padding=st.integers(0, 4), dilation=STEPS)
def test_output_size_equals_the_number_of_window_positions(size, kernel, stride, padding, dilation):
    padded = range(size + 2 * padding)
    places = [start for start in padded[::stride] if all(start + k * dilation in padded for k in range(kernel))]
    if places:
        assert output_size(size, kernel, stride, padding, dilation) == len(places)
    else:
        with pytest.raises(ShapeError, match="does not fit"):
            output_size(size, kernel, stride, padding, dilation)


@given(size=st.integers(1, 40), kernel=st.integers(1, 9), stride=STEPS, dilation=STEPS)
def test_same_padding_gives_ceil_of_size_over_stride(size, kernel, stride, dilation):
    settings = (stride, stride), "same", (dilation, dilation)
    (pad, _), (size_out, _) = window_grid((size, size), (kernel, kernel), *settings)
    assert size_out == -(-size // stride)
    below = (size_out - 1) * stride + (kernel - 1) * dilation - pad - (size - 1)
    assert pad <= max(0, below) <= pad + 1  # equal padding on both sides, or one pixel more at the end


def test_same_padding_of_a_dilated_kernel_worked_by_hand():
    """Three taps at dilation 2 span five pixels: two on each side. For an even span the extra pixel goes at the end."""
    assert window_grid((7, 7), (3, 2), (1, 1), "same", (2, 3)) == ((2, 1), (7, 7))


def test_odd_same_padding_goes_to_the_bottom_and_right():
    assert window_grid((5, 5), (4, 2), (1, 1), "same") == ((1, 0), (5, 5))


@pytest.mark.parametrize("bad", [{"kernel_size": 0}, {"stride": 0}, {"padding": -1}, {"dilation": 0}])
def test_output_size_with_invalid_settings_raises(bad):
    with pytest.raises(ConfigError, match=f"{next(iter(bad))} must be an integer of at least"):
        output_size(**{"size": 5, "kernel_size": 3, **bad})


@pytest.mark.parametrize("bad", [True, "3", (1,), (1, 2, 3), (1, "2"), None, 0.5, (1, True)])
def test_pair_with_invalid_value_raises(bad):
    with pytest.raises(ConfigError, match="thing must be an integer of at least 1, or a pair of them"):
        pair(bad, "thing")


def test_receptive_field_of_mnist_cnn_worked_by_hand():
    """Conv 3 sees 3; pool 2 sees 4 and doubles the step; conv 3 sees 4 + 2·2 = 8; pool sees 8 + 2 = 10."""
    conv, pool = ((3, 3), (1, 1)), ((2, 2), (2, 2))
    assert [receptive_field([conv, pool, conv, pool][:k]) for k in range(1, 5)] == [(3, 3), (4, 4), (8, 8), (10, 10)]


@pytest.mark.parametrize(
    ("outputs", "settings", "inputs"),
    [
        ((0, 1), (9, 3, 1, 0), (0, 3)),
        ((2, 4), (9, 3, 2, 1), (3, 8)),
        ((0, 5), (9, 3, 2, 1), (0, 9)),  # padding is excluded on both sides
        ((0, 1), (9, 1, 1, 2), (0, 0)),  # padding only
        ((0, 0), (9, 5, 1, 0), (0, 0)),  # no outputs
    ],
)
def test_input_range_seen_by_outputs(outputs, settings, inputs):
    assert seen_through(outputs, *settings) == inputs
