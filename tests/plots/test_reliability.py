"""Reliability diagram."""

import numpy as np
import pytest

from jitcnn.metrics import Calibration
from jitcnn.plots import reliability_figure


@pytest.fixture
def drawn():
    """Axes of the diagram of four bins: empty, underconfident, calibrated, overconfident."""
    counts = np.array([0, 1, 2, 5])
    found = Calibration(counts, np.array([np.nan, 0.4, 0.7, 0.9]), np.array([np.nan, 1.0, 0.7, 0.6]))
    return reliability_figure(found, "net on data").axes


def test_bars_end_at_accuracy_or_confidence(drawn):
    solid, under, over = ([bar.get_height() for bar in bars] for bars in drawn[0].containers)
    np.testing.assert_allclose(solid, [0.4, 0.7, 0.6])
    np.testing.assert_allclose(under, [0.6, 0, 0], atol=1e-12)
    np.testing.assert_allclose(over, [0, 0, 0.3], atol=1e-12)
    assert [bar.get_x() for bar in drawn[0].containers[0]] == [0.25, 0.5, 0.75]


def test_histogram_shows_the_share_of_images_in_each_bin(drawn):
    assert [bar.get_height() for bar in drawn[1].patches] == [0, 1 / 8, 2 / 8, 5 / 8]


def test_means_are_marked(drawn):
    accuracy, confidence = (line.get_xdata()[0] for line in drawn[1].lines)
    assert (accuracy, confidence) == pytest.approx(((1 + 1.4 + 3) / 8, (0.4 + 1.4 + 4.5) / 8))


def test_legend_stands_below_the_bars(drawn):
    figure = drawn[0].figure
    figure.canvas.draw()
    assert drawn[0].get_legend() is None
    (legend,) = figure.legends
    assert legend.get_window_extent().y1 < drawn[1].get_window_extent().y0
    assert len(legend.get_texts()) == 4


def test_title_has_the_calibration_errors(drawn):
    assert drawn[0].get_title() == "net on data\nECE 26.25%, MCE 60.00% (4 bins)"
