"""Pictures: drawn, whole, and refused for what they can not show."""

import numpy as np
import pytest
from PIL import Image

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.history import Epoch
from jitcnn.plots import curves_figure, filters_figure, save_figure, shift_lines_figure, shift_maps_figure
from jitcnn.shift import LabNet, ShiftMap


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


def a_map(reach, share):
    side = 2 * reach + 1
    accuracy = np.linspace(0, share, side * side).reshape(side, side)
    return ShiftMap(accuracy, 1 - accuracy, 10)


def test_shift_maps_show_accuracy_beside_agreement_with_numbers():
    shifts = a_map(8, 0.9)
    figure = shift_maps_figure(
        [("one", [("plain", shifts), ("shifted", a_map(8, 0.5))]), ("two", [("plain", shifts)])], "t"
    )
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 6
    np.testing.assert_array_equal(shown[0].images[0].get_array(), 100 * shifts.accuracy)
    np.testing.assert_array_equal(shown[1].images[0].get_array(), 100 * shifts.agreement)
    assert {axis.images[0].get_clim() for axis in shown} == {(0, 100)}
    at = {(round(text.get_position()[0]), text.get_position()[1]): text.get_text() for text in shown[0].texts}
    assert at[(8, 8)] == "90"
    assert at[(-8, -8)] == "0"
    assert at[(4, -2)] == f"{100 * shifts.accuracy[-2 + 8, 4 + 8]:.0f}"
    assert len(at) == 49


def test_no_shift_map_is_refused():
    with pytest.raises(ConfigError, match="at least one net with one map, got none"):
        shift_maps_figure([], "t")


def test_shift_lines_show_the_accuracy_over_the_distance():
    nets = [
        LabNet("max", "max pooling", 9, how, [], a_map(2, share), 1.0, []) for how, share in ((False, 0.9), (True, 0.8))
    ]
    plain, shifted = shift_lines_figure(nets, "t").axes
    assert plain.lines[0].get_ydata() == pytest.approx([100 * nets[0].shifts.accuracy_at(d) for d in (0, 1, 2)])
    assert shifted.lines[0].get_ydata()[0] == pytest.approx(40)
