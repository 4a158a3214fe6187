"""Reliability diagram."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..metrics import Calibration
from .canvas import draws_literally, new_figure, title_text

WIDTH = 5.0  # inches


@draws_literally
def reliability_figure(calibration: Calibration, title: str = "Reliability diagram") -> Figure:
    """Plot accuracy against confidence in bins of equal width, above the share of images in each bin.

    For a calibrated model, the bars end at the diagonal. The difference between accuracy and mean confidence is red where the
    model is overconfident, and pale where it is underconfident. Dashed lines in the histogram mark both over all images.

    Parameters
    ----------
    calibration : Calibration, as returned by ``metrics.calibration`` or ``Evaluation.calibration``
    title : str

    References
    ----------
    DeGroot and Fienberg (1983), "The comparison and evaluation of forecasters", The Statistician 32; Guo et al. (2017),
    arXiv:1706.04599.

    Examples
    --------
    >>> from jitcnn.metrics import calibration
    >>> from jitcnn.plots import reliability_figure
    >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    >>> figure = reliability_figure(calibration(probabilities, np.array([0, 1, 1, 0]), bins=5))
    >>> [axis.get_ylabel() for axis in figure.axes]
    ['accuracy', 'images']
    """
    found, total = calibration, calibration.counts.sum()
    figure = new_figure(WIDTH, 7.2)
    diagram, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    used = found.counts > 0
    left, width = found.edges[:-1][used], 1 / len(found.counts)
    accuracy, confidence = found.accuracy[used], found.confidence[used]
    both = np.minimum(accuracy, confidence)
    for bottom, height, style in (
        (0, both, {"color": "C0", "label": "accuracy"}),
        (both, accuracy - both, {"color": "C0", "alpha": 0.45, "label": "accuracy above confidence (underconfident)"}),
        (both, confidence - both, {"color": "C3", "alpha": 0.45, "label": "confidence above accuracy (overconfident)"}),
    ):
        diagram.bar(left, height, width, bottom=bottom, align="edge", edgecolor="white", linewidth=0.5, **style)
    diagram.plot([0, 1], [0, 1], "--", color="0.4", linewidth=1, label="calibrated")
    diagram.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    diagram.set_title(
        f"{title_text(title, WIDTH)}\nECE {found.ece:.2%}, MCE {found.mce:.2%} ({len(found.counts)} bins)"
    )
    figure.legend(
        handles=diagram.get_legend_handles_labels()[0], loc="outside lower center", fontsize=8
    )  # beside the bars
    histogram.bar(
        found.edges[:-1], found.counts / total, width, align="edge", color="0.6", edgecolor="white", linewidth=0.5
    )
    for name, values, colour in (("accuracy", found.accuracy, "C0"), ("mean confidence", found.confidence, "C3")):
        mean = float(np.nansum(values * found.counts) / total)
        histogram.axvline(mean, linestyle="--", linewidth=1, color=colour, label=f"{name} {mean:.1%}")
    histogram.set(xlabel="confidence", ylabel="images", ylim=(0, 1.5 * float(found.counts.max() / total)))
    histogram.legend(loc="upper left", fontsize=8, ncols=2)  # above the bars
    for axis in (diagram.xaxis, diagram.yaxis, histogram.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    return figure
