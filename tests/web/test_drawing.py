"""Conversion of a drawing to a model input."""

import numpy as np

from jitcnn import CNN
from jitcnn.layers import Conv2D, Dense, Flatten
from jitcnn.models import mnist_dense
from jitcnn.web.drawing import as_drawn, can_be_centred, canvas_scale, centred


def colour_net():
    return CNN([Conv2D(3, 2, 3), Flatten(), Dense(2 * 30 * 30, 2)], input_shape=(3, 32, 32))


def test_canvas_size_is_a_multiple_of_the_input_size():
    assert canvas_scale(mnist_dense()) == 5
    assert canvas_scale(colour_net()) == 4


def test_as_drawn_averages_each_square(rng):
    canvas = rng.integers(0, 256, (3, 8, 12)).astype(np.uint8)
    small = as_drawn(canvas, 4)
    assert small.shape == (1, 3, 2, 3)
    assert small[0, 2, 1, 0] == round(canvas[2, 4:8, 0:4].mean())


def test_centred_moves_a_stroke_to_the_centre():
    canvas = np.zeros((1, 140, 140), np.uint8)
    canvas[:, 5:60, 5:12] = 255
    image = centred(canvas, mnist_dense())[0, 0].astype(float)
    rows, columns = np.indices(image.shape)
    assert abs((image * rows).sum() / image.sum() - 13.5) < 1
    assert abs((image * columns).sum() / image.sum() - 13.5) < 1
    assert as_drawn(canvas, 5)[0, 0, :, 14:].max() == 0  # as drawn, it stays on the left


def test_empty_canvas_stays_empty():
    assert not centred(np.zeros((1, 140, 140), np.uint8), mnist_dense()).any()


def test_only_ink_images_can_be_centred():
    model = mnist_dense()
    assert can_be_centred(model)
    model.preparation = "crop"
    assert not can_be_centred(model)
    assert not can_be_centred(colour_net())
