"""Training history: the metrics of every epoch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

COLUMNS = ("epoch", "train loss", "accuracy", "test loss", "accuracy", "seconds")
HEAD = "  ".join(COLUMNS)


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch; ``seconds`` is the training time, without evaluation.

    ``remarks`` are warnings, such as dead filters; empty if there are none. ``test_macro_f1`` is the unweighted mean of the F1
    scores of the classes; None in the records of earlier versions.

    Examples
    --------
    >>> from jitcnn.history import Epoch
    >>> Epoch(1, train_loss=0.4, train_accuracy=0.88, test_loss=0.3, test_accuracy=0.91, seconds=2, images_per_second=700)
    Epoch(epoch=1, train_loss=0.4, train_accuracy=0.88, test_loss=0.3, test_accuracy=0.91, seconds=2, ...)
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    images_per_second: float
    remarks: tuple[str, ...] = ()
    test_macro_f1: float | None = None

    def cells(self) -> tuple[str, ...]:
        """The metrics as texts, one for each of ``COLUMNS``."""
        return (
            f"{self.epoch}", f"{self.train_loss:.4f}", f"{self.train_accuracy:.2%}", f"{self.test_loss:.4f}",
            f"{self.test_accuracy:.2%}", f"{self.seconds:.1f}",
        )  # fmt: skip

    def line(self) -> str:
        """The metrics as a row of the table whose columns ``HEAD`` names."""
        return "  ".join(text.rjust(len(name)) for name, text in zip(COLUMNS, self.cells(), strict=True))


@dataclass
class History:
    """Metrics of all epochs.

    ``interrupted`` is True if Ctrl-C stopped the training. ``kept`` is the number of the epoch whose weights remain, if the
    best ones were kept, and 0 for those of the last step. ``stopped_early`` is True if early stopping ended the training.

    Examples
    --------
    >>> from jitcnn.history import Epoch, History
    >>> History([Epoch(1, 0.4, 0.88, 0.3, 0.91, 2.0, 700.0)])
    <History: 1 epoch, 2.0 s>
    epoch  train loss  accuracy  test loss  accuracy  seconds
        1      0.4000    88.00%     0.3000    91.00%      2.0
    """

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False
    kept: int = 0
    stopped_early: bool = False

    @property
    def seconds(self) -> float:
        """Total training time, in seconds."""
        return sum(epoch.seconds for epoch in self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)

    def __repr__(self) -> str:
        head = [HEAD] if self.epochs else []
        return "\n".join([f"<History: {self._title()}>", *head, *(epoch.line() for epoch in self.epochs)])

    def _repr_html_(self) -> str:
        """The metrics as a table, which a notebook shows."""
        return epochs_html(self.epochs, f"History: {self._title()}")

    def _title(self) -> str:
        count = len(self.epochs)
        return f"{count} epoch{'s' * (count != 1)}, {self.seconds:.1f} s{', interrupted' * self.interrupted}"


def epochs_html(epochs: Sequence[Epoch], caption: str, status: str = "") -> str:
    """The metrics of epochs as an HTML table; warnings stand below their epoch, and a status below all of them."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in COLUMNS)
    rows = []
    for epoch in epochs:
        first, *others = map(escape, epoch.cells())
        rows.append(f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{text}</td>" for text in others) + "</tr>")
        rows += [_whole_row(warning) for warning in epoch.remarks]
    rows += [_whole_row(status)] if status else []
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _whole_row(text: str) -> str:
    return f'<tr><td colspan="{len(COLUMNS)}" style="text-align: left">{escape(text)}</td></tr>'
