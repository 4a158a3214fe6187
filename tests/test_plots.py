"""Pictures: drawn, whole, and refused for what they can not show."""

import numpy as np
import pytest
from PIL import Image

from jitcnn.errors import ShapeError
from jitcnn.history import Epoch
from jitcnn.plots import curves_figure, filters_figure, save_figure


def test_every_filter_gets_a_picture_of_its_weights(rng):
    weights = rng.standard_normal((11, 1, 3, 3)).astype(np.float32)
    figure = filters_figure(weights)
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(shown) == 11
    np.testing.assert_array_equal(shown[10], weights[10, 0])


def test_filters_of_many_channels_are_refused():
    with pytest.raises(ShapeError, match=r"shape \(C_out, 1 or 3, K_h, K_w\), got \(2, 2, 3, 3\)"):
        filters_figure(np.zeros((2, 2, 3, 3)))


def test_curves_show_the_figures_of_every_epoch():
    epochs = [Epoch(1, 2.0, 0.5, 1.5, 0.6, 1.0, 100.0), Epoch(2, 1.0, 0.7, 0.9, 0.8, 1.0, 100.0)]
    figure = curves_figure({"a net": epochs})
    assert figure.axes[1].lines[1].get_ydata() == pytest.approx([60, 80])


def test_a_figure_is_saved_as_a_whole_picture(tmp_path):
    save_figure(filters_figure(np.ones((2, 1, 3, 3), np.float32)), tmp_path / "filters.png")
    with Image.open(tmp_path / "filters.png") as picture:
        picture.load()
        assert min(picture.size) > 100
    assert [p.name for p in tmp_path.iterdir()] == ["filters.png"]


def test_filters_of_three_channels_are_shown_in_colour():
    weights = np.zeros((2, 3, 3, 3), np.float32)
    weights[1, 0], weights[1, 2] = 2, -2
    figure = filters_figure(weights)
    dark, red = (axis.images[0].get_array() for axis in figure.axes[:2])
    np.testing.assert_allclose(dark, 0.5)
    np.testing.assert_allclose(red[0, 0], [1, 0.5, 0])
