"""Training history: the metrics of every epoch."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch; ``seconds`` is the training time, without evaluation.

    ``remarks`` are warnings, such as dead filters; empty if there are none.
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
    """Metrics of all epochs; ``interrupted`` is True if Ctrl-C stopped the training."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """Total training time, in seconds."""
        return sum(epoch.seconds for epoch in self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)
