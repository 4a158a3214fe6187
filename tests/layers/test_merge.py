"""Layers with several inputs or none: values by hand, inputs of one row, and errors."""

import numpy as np
import pytest

from jitcnn import (
    Add,
    Concat,
    ConfigError,
    Constant,
    Div,
    DTypeError,
    GradientError,
    Merge,
    Mul,
    ShapeError,
    gradient_check,
)

ONE_ROW = np.array([[10.0, 20.0]])
ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 8.0]])


@pytest.mark.parametrize(
    ("layer", "out", "d_one", "d_rows"),
    [
        (Add(), ROWS + ONE_ROW, [[3, 3]], np.ones((3, 2))),
        (Mul(), ROWS * ONE_ROW, [[9, 14]], np.repeat(ONE_ROW, 3, axis=0)),
        (Div(), [[10, 10], [10 / 3, 5], [2, 2.5]], [[1 + 1 / 3 + 1 / 5, 0.875]], [[-10, -5], [-10 / 9, -1.25], [-0.4, -0.3125]]),
        (Concat(), np.hstack([np.repeat(ONE_ROW, 3, axis=0), ROWS]), [[3, 3]], np.ones((3, 2))),
    ],
    ids=["Add", "Mul", "Div", "Concat"],
)  # fmt: skip
def test_input_of_one_row_is_repeated_and_its_gradient_summed(layer, out, d_one, d_rows):
    result = layer.forward((ONE_ROW, ROWS))
    np.testing.assert_allclose(result, out, rtol=1e-15)
    first, second = layer.backward(np.ones_like(result))
    np.testing.assert_allclose(first, d_one, rtol=1e-15)
    np.testing.assert_allclose(second, d_rows, rtol=1e-15)


def test_division_by_zero_gives_infinity_without_a_warning():
    layer = Div()
    assert layer.forward((np.array([[1.0, 0.0]]), np.zeros((1, 2)))).tolist()[0][0] == np.inf
    d_first, d_second = layer.backward(np.ones((1, 2)))
    assert d_first.tolist() == [[np.inf, np.inf]]
    assert not np.isfinite(d_second).any()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Add(), [(2, 3)], r"Add expects the shapes of at least two inputs, got \(\(3,\),\)"),
        (Div(), [(2, 3)] * 3, r"Div expects the shapes of 2 inputs, got \(\(3,\), \(3,\), \(3,\)\)"),
        (Mul(), [(2, 3), (3, 3), (1, 3)], r"Mul expects as many images in each input, or 1, got \[2, 3, 1\]"),
        (Add(), [(2, 3), (2, 4)], r"Add expects inputs of one shape, .* got \(3,\) and \(4,\) without N"),
        (Concat(), [(2, 3, 4, 4), (2, 3, 4, 5)], r"Concat expects inputs that differ in channels only"),
    ],
    ids=["one input", "three inputs", "numbers of images", "shapes", "Concat"],
)
def test_inputs_that_do_not_match_raise(layer, shapes, message):
    with pytest.raises(ShapeError, match=message):
        layer.forward(tuple(np.ones(shape) for shape in shapes))


def test_an_array_instead_of_a_tuple_raises():
    with pytest.raises(ShapeError, match="Add expects a tuple of arrays, got ndarray"):
        Add().forward(np.ones((2, 3)))


def test_wrong_gradient_of_an_own_layer_is_detected(rng):
    class Difference(Merge):
        def apply(self, x, training):
            return x[0] - x[1], None

        def pullback(self, d_out, saved, need_d_x=True):
            return (d_out, d_out), {}

    with pytest.raises(GradientError, match=r"Difference: backward differs .* at x2 \["):
        gradient_check(Difference(), (rng.random((2, 3)), rng.random((2, 3))))


def test_constant_is_a_buffer_unless_it_is_trained():
    fixed, trained = Constant((2, 1, 1)), Constant([2, 1, 1], trained=True, dtype=np.float64)
    assert (list(fixed.parameters()), list(fixed.buffers())) == ([], ["value"])
    assert (list(trained.parameters()), list(trained.buffers())) == (["value"], [])
    assert trained.value.dtype == np.float64
    fixed.backward_parameters(fixed.forward(()))  # a constant that is not trained has no gradients to set
    assert fixed.gradients() == {}
    assert repr(trained) == "Constant(shape=(2, 1, 1), trained=True)"


def test_gradients_of_two_constants_are_arrays_of_their_own():
    """Clipping scales the gradients in place."""
    first, second = Constant((2,), trained=True), Constant((2,), trained=True)
    add = Add()
    add.forward((first.forward(()), second.forward(())))
    for layer, d_out in zip((first, second), add.backward(np.ones((1, 2), np.float32)), strict=True):
        layer.backward(d_out)
    first.d_value *= 2
    assert second.d_value.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Constant(()), ConfigError, r"shape of Constant must be a list of sizes without N, .* got \(\)"),
        (lambda: Constant(3), ConfigError, "shape of Constant must be a list of sizes without N, .* got 3"),
        (
            lambda: Constant((3, 0)),
            ConfigError,
            "every size in shape of Constant must be an integer of at least 1, got 0",
        ),
        (lambda: Constant((3,), trained=1), ConfigError, "trained must be true or false, got 1"),
        (lambda: Constant((3,), dtype=np.int32), DTypeError, "dtype must be float32 or float64"),
        (lambda: Constant((3,))(np.ones((2, 3))), ShapeError, r"Constant expects no input, got \(2, 3\)"),
        (lambda: Constant((3,)).output_shape((3,)), ShapeError, r"Constant expects no input, got \(3,\)"),
    ],
    ids=range(7),
)
def test_invalid_constants_raise(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_gradient_of_a_constant_of_the_wrong_shape_raises():
    layer = Constant((3,), trained=True)
    layer.forward(())
    with pytest.raises(ShapeError, match=r"Constant.backward expects d_out of shape \(1, 3\), got \(2, 3\)"):
        layer.backward(np.ones((2, 3)))
