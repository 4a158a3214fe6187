"""Training curves."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..history import Epoch
from .canvas import draws_literally, new_figure, short_name


@draws_literally
def curves_figure(histories: Mapping[str, list[Epoch]]) -> Figure:
    """Plot loss and accuracy per epoch: dashed on training images, solid on held-out (test or validation) images.

    Parameters
    ----------
    histories : dict of str to list of Epoch, by name of the net

    Examples
    --------
    >>> from jitcnn.history import Epoch
    >>> from jitcnn.plots import curves_figure
    >>> epochs = [Epoch(1, 0.4, 0.88, 0.3, 0.91, 2.0, 700.0), Epoch(2, 0.2, 0.94, 0.2, 0.95, 2.0, 700.0)]
    >>> [axis.get_ylabel() for axis in curves_figure({"lenet5": epochs}).axes]
    ['mean cross-entropy (nats)', 'accuracy (%)']
    """
    figure = new_figure(10, 4)
    loss, accuracy = figure.subplots(1, 2)
    for position, (name, epochs) in enumerate(histories.items()):
        numbers = [e.epoch for e in epochs]
        color = f"C{position}"
        for axis, train, test in (
            (loss, [e.train_loss for e in epochs], [e.test_loss for e in epochs]),
            (accuracy, [100 * e.train_accuracy for e in epochs], [100 * e.test_accuracy for e in epochs]),
        ):
            axis.plot(numbers, train, "--", color=color, marker=".", label=f"{short_name(name)}, training")
            axis.plot(numbers, test, "-", color=color, marker="o", markersize=4, label=f"{short_name(name)}, held-out")
    loss.set(title="Loss", xlabel="epoch", ylabel="mean cross-entropy (nats)")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="accuracy (%)")
    losses = [value for line in loss.lines for value in line.get_ydata() if value > 0]
    if losses and max(losses) > 5 * min(losses):  # a smaller range may contain no logarithmic tick
        loss.set_yscale("log")
        loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        loss.yaxis.set_major_formatter("{x:g}")
        loss.yaxis.set_minor_formatter(NullFormatter())
    for axis in (loss, accuracy):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
    accuracy.legend(loc="lower right")
    return figure
