"""Figures: contents, file formats, and invalid input."""

import numpy as np
import pytest
from PIL import Image

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.history import Epoch
from jitcnn.metrics import Mistake
from jitcnn.plots import (
    attribution_figure,
    confusion_figure,
    curves_figure,
    evolution_figure,
    filters_figure,
    maps_figure,
    mistakes_figure,
    receptive_figure,
    save_figure,
    shift_lines_figure,
    shift_maps_figure,
)
from jitcnn.plots.canvas import mosaic
from jitcnn.shift import LabNet, ShiftMap

GREY, COLOUR = np.full((1, 6, 5), 9, np.uint8), np.full((3, 6, 5), 200, np.uint8)


def test_filters_figure_shows_every_filter(rng):
    weights = rng.standard_normal((11, 1, 3, 3)).astype(np.float32)
    figure = filters_figure(weights)
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(shown) == 11
    np.testing.assert_array_equal(shown[10], weights[10, 0])


def test_filters_figure_shows_every_channel(rng):
    weights = rng.standard_normal((14, 5, 2, 3))
    figure = filters_figure(weights, "Filters")
    board = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(board[3:5, 16:19], weights[1, 4])  # 12 rows of 2 + 1 px, 5 columns of 3 + 1 px
    assert board.shape == (35, 19)
    assert figure.get_suptitle() == "Filters\nthe first 12 of 14 filters, all 5 channels"


def test_filters_figure_of_1_by_1_is_a_matrix(rng):
    weights = rng.standard_normal((4, 6, 1, 1))
    np.testing.assert_array_equal(filters_figure(weights).axes[0].images[0].get_array(), weights[:, :, 0, 0])


def test_filters_figure_is_limited_to_the_first_filters():
    figure = filters_figure(np.ones((65, 1, 2, 2)))
    assert sum(len(axis.images) for axis in figure.axes if axis.get_title()) == 64
    assert "the first 64 of 65 filters" in figure.get_suptitle()


def test_curves_figure_shows_every_epoch():
    epochs = [Epoch(1, 2.0, 0.5, 1.5, 0.6, 1.0, 100.0), Epoch(2, 1.0, 0.7, 0.9, 0.8, 1.0, 100.0)]
    figure = curves_figure({"a net": epochs})
    assert figure.axes[1].lines[1].get_ydata() == pytest.approx([60, 80])


def test_save_figure_writes_a_valid_image(tmp_path):
    save_figure(filters_figure(np.ones((2, 1, 3, 3), np.float32)), tmp_path / "filters.png")
    with Image.open(tmp_path / "filters.png") as picture:
        picture.load()
        assert min(picture.size) > 100
    assert [p.name for p in tmp_path.iterdir()] == ["filters.png"]


def test_filters_figure_of_three_channels_is_in_colour():
    weights = np.zeros((2, 3, 3, 3), np.float32)
    weights[1, 0], weights[1, 2] = 2, -2
    figure = filters_figure(weights)
    dark, red = (axis.images[0].get_array() for axis in figure.axes[:2])
    np.testing.assert_allclose(dark, 0.5)
    np.testing.assert_allclose(red[0, 0], [1, 0.5, 0])


def test_mosaic_is_in_row_order():
    pictures = np.arange(3 * 24 * 24.0).reshape(3, 24, 24)
    board = mosaic(pictures, 2)
    assert board.shape == (50, 50)
    np.testing.assert_array_equal(board[:24, 26:], pictures[1])
    np.testing.assert_array_equal(board[26:, :24], pictures[2])
    assert np.isnan(board[24:26]).all()
    assert np.isnan(board[26:, 24:]).all()


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("PDF", b"%PDF"), ("svg", b"<?xml")])
def test_suffix_determines_the_format(suffix, start, tmp_path):
    path = tmp_path / f"filters.{suffix}"
    save_figure(filters_figure(np.ones((1, 1, 2, 2))), path)
    assert path.read_bytes().startswith(start)


def test_unknown_suffix_raises(tmp_path):
    with pytest.raises(ConfigError, match=r"saved as \.png, \.pdf or \.svg, got '.*filters\.jpg': choose one of these"):
        save_figure(filters_figure(np.ones((1, 1, 2, 2))), tmp_path / "filters.jpg")


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_maps_figure_scales_each_layer(image, rng):
    planes, numbers = rng.uniform(0, 3, (9, 4, 3)), np.array([-2.0, 1.0])
    figure = maps_figure(image, {"relu1": planes, "dense1": numbers}, class_names=("cat", "dog"))
    shown, first, second = (axis.images[0] for axis in figure.axes[:3])
    assert shown.get_array().shape[:2] == (6, 5)
    # second map, after a white line of two pixels; each value is drawn as 6×6 pixels
    np.testing.assert_array_equal(first.get_array()[:24:6, 20:38:6], planes[1])
    assert first.get_clim() == (0, pytest.approx(planes[:8].max()))
    assert second.get_clim() == (-2, 2)
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["cat", "dog"]
    assert figure.axes[1].get_ylabel() == "relu1\n9 × 4 × 3\nthe first 8 of 9 maps"


def test_confusion_figure_shows_readable_counts():
    matrix = np.array([[990, 10, 0], [1, 99, 0], [0, 0, 0]])
    axis = confusion_figure(matrix, ("cat", "dog", "eel")).axes[0]
    written = {text.get_text(): text.get_color() for text in axis.texts}
    assert written == {"990": "white", "10": "black", "1": "black", "99": "white"}
    np.testing.assert_allclose(axis.images[0].get_array()[1, :2], [0.01, 0.99])
    assert axis.images[0].get_array().mask[2].all()
    assert axis.get_title() == "Confusion matrix\n1,089 of 1,100 correct (99.00%)"


def test_mistakes_figure_shows_the_misclassified_images():
    images = np.stack([GREY, GREY + 1, GREY + 2])
    figure = mistakes_figure(images, [Mistake(2, 1, 0, 0.99996), Mistake(0, 0, 1, 0.514)], ("cat", "dog"))
    first, second = figure.axes[:2]
    np.testing.assert_array_equal(first.images[0].get_array(), images[2, 0])
    assert (first.get_title(), first.get_xlabel()) == ("label dog", "predicted cat\nover 99.9% confidence\nindex 2")
    assert second.get_xlabel() == "predicted dog\n51.4% confidence\nindex 0"
    assert figure.get_suptitle() == "Misclassified: all 2 misclassified images, most confident first"


def test_mistakes_figure_without_mistakes_has_a_title():
    assert mistakes_figure(GREY[None], [], ("cat", "dog")).get_suptitle() == "Misclassified: no misclassified images"


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_attribution_figure_shows_map_and_overlay(image):
    coarse = np.array([[1.0, -3.0]])
    _, counts, over = figure_axes = attribution_figure(image, coarse).axes[:3]
    assert counts.images[0].get_clim() == over.images[1].get_clim() == (-3, 3)
    assert {tuple(axis.get_xlim()) for axis in figure_axes} == {(-0.5, 4.5)}
    assert attribution_figure(image, np.abs(coarse)).axes[1].images[0].get_clim() == (0, 3)


def test_receptive_figure_shows_frame_and_crop():
    image = np.arange(30, dtype=np.uint8).reshape(1, 6, 5)
    whole, part = receptive_figure(image, (1, 4), (2, 5)).axes
    assert whole.patches[0].get_bbox().bounds == (1.5, 0.5, 3, 3)
    np.testing.assert_array_equal(part.images[0].get_array(), image[0, 1:4, 2:5])
    assert [label.get_text() for label in part.get_yticklabels()] == ["1", "3"]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_evolution_figure_has_a_row_per_epoch(channels, rng):
    kept = {epoch: rng.standard_normal((5, channels, 2, 2)) for epoch in (0, 1, 7)}
    axes = evolution_figure(kept).axes
    assert [axis.get_ylabel() for axis in axes[:3]] == ["initial", "epoch 1", "epoch 7"]
    assert axes[3].get_ylabel().startswith("change × ")
    if channels < 3:
        np.testing.assert_array_equal(axes[2].images[0].get_array()[::12, 26:50:12], kept[7][1, 0])


def test_evolution_figure_of_many_epochs_shows_a_selection():
    figure = evolution_figure({epoch: np.ones((20, 1, 2, 2)) for epoch in range(41)})
    names = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()[:5] in ("initi", "epoch")]
    assert (len(names), names[0], names[-1]) == (12, "initial", "epoch 40")
    assert figure.get_suptitle().endswith("the first 16 of 20 filters, 12 of 41 snapshots")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: filters_figure(np.ones((2, 3))), r"weights of shape \(C_out, C_in, K_h, K_w\), got \(2, 3\)"),
        (lambda: maps_figure(GREY, {}), "got none"),
        (lambda: maps_figure(GREY, {"a": np.ones((2, 3))}), r"\(C, H, W\) or \(features,\), got \[\(2, 3\)\]"),
        (lambda: maps_figure(GREY[:, 0], {"a": np.ones(3)}), r"shape \(1 or 3, H, W\), got \(1, 5\)"),
        (lambda: confusion_figure(np.ones((2, 3)), ("a", "b")), r"a matrix of shape \(2, 2\), one row per class, got \(2, 3\)"),
        (lambda: mistakes_figure(GREY, [], ()), r"images of shape \(N, 1 or 3, H, W\), got \(1, 6, 5\)"),
        (lambda: attribution_figure(GREY, np.ones(3)), r"attribution of shape \(h, w\), got \(3,\)"),
        (lambda: receptive_figure(GREY, (0, 7), (0, 1)), r"a part of the image of shape \(1, 6, 5\), got rows \(0, 7\) and columns \(0, 1\)"),
        (lambda: receptive_figure(GREY, (0, 0), (0, 1)), "expects a part of the image"),
        (lambda: evolution_figure({}), "got none"),
        (lambda: evolution_figure({0: np.ones((1, 1, 2, 2)), 1: np.ones((1, 1, 3, 3))}), "filters of one shape"),
    ],
)  # fmt: skip
def test_invalid_input_raises(draw, message):
    with pytest.raises(ShapeError, match=message):
        draw()


def a_map(reach, share):
    side = 2 * reach + 1
    accuracy = np.linspace(0, share, side * side).reshape(side, side)
    return ShiftMap(accuracy, 1 - accuracy, 10)


def test_shift_maps_figure_shows_accuracy_and_agreement():
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


def test_shift_maps_figure_without_maps_raises():
    with pytest.raises(ConfigError, match="at least one net with one map, got none"):
        shift_maps_figure([], "t")


def test_shift_lines_figure_shows_accuracy_over_distance():
    nets = [
        LabNet("max", "max pooling", 9, how, [], a_map(2, share), 1.0, []) for how, share in ((False, 0.9), (True, 0.8))
    ]
    plain, shifted = shift_lines_figure(nets, "t").axes
    assert plain.lines[0].get_ydata() == pytest.approx([100 * nets[0].shifts.accuracy_at(d) for d in (0, 1, 2)])
    assert shifted.lines[0].get_ydata()[0] == pytest.approx(40)
