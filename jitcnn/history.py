"""The record that a training leaves."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images came to; ``seconds`` is training alone, without the test.

    ``remarks`` are sentences on what ails the training, such as filters that never fire; none if it is well.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    images_per_second: float
    remarks: tuple[str, ...] = ()


@dataclass
class History:
    """Epoch after epoch; ``interrupted`` when Ctrl-C ended it before the last."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """Training time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)
