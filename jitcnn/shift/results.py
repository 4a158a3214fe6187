"""Results of a translation lab: a ``LabNet`` per trained net, and a ``Lab`` for all of them."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..history import Epoch
from .equivariance import Equivariance
from .maps import ShiftMap

AUGMENTED_BY = 4  # maximum shift of training images, in pixels


@dataclass(frozen=True)
class LabNet:
    """One trained net; ``augmented`` is True if its training images were randomly shifted.

    Examples
    --------
    >>> from jitcnn.shift import LabNet, ShiftMap
    >>> shifts = ShiftMap(accuracy=np.eye(3), agreement=np.ones((3, 3)), image_count=10)
    >>> LabNet("max", "Max pooling", 100, False, [], shifts, 0.0, []).shifts.accuracy_at(1)
    0.25
    """

    name: str
    title: str
    parameters: int
    augmented: bool
    epochs: list[Epoch]
    shifts: ShiftMap
    map_seconds: float
    inside: list[Equivariance]

    @property
    def seconds(self) -> float:
        """Training time in seconds."""
        return sum(epoch.seconds for epoch in self.epochs)


@dataclass
class Lab:
    """Results of all nets; ``interrupted`` is True if Ctrl-C stopped the lab early.

    Examples
    --------
    >>> from jitcnn.shift import Lab, LabNet, ShiftMap
    >>> shifts = ShiftMap(accuracy=np.eye(3), agreement=np.ones((3, 3)), image_count=10)
    >>> net = LabNet("max", "Max pooling", 100, False, [], shifts, 0.0, [])
    >>> Lab("digits", 100, 10, 0, nets=[net]).find("max", augmented=False).title
    'Max pooling'
    """

    dataset: str
    train_images: int
    test_images: int
    seed: int
    augmented_by: int = AUGMENTED_BY
    ink_kept: dict[int, float] = field(default_factory=dict)
    nets: list[LabNet] = field(default_factory=list)
    interrupted: bool = False

    def find(self, name: str, augmented: bool) -> LabNet | None:
        """Find a net by its key in ``LAB_NETS``; None if it was not measured."""
        return next((net for net in self.nets if (net.name, net.augmented) == (name, augmented)), None)

    def as_dict(self) -> dict[str, Any]:
        """Convert to JSON-serialisable values."""
        own = {key: value for key, value in vars(self).items() if key != "nets"}
        nets = [
            {
                "name": net.name, "title": net.title, "parameters": net.parameters, "augmented": net.augmented,
                "epochs": [asdict(epoch) for epoch in net.epochs], "seconds": net.seconds,
                "map_seconds": net.map_seconds, **net.shifts.as_dict(),
                "inside": [asdict(each) for each in net.inside],
            }
            for net in self.nets
        ]  # fmt: skip
        return {**own, "nets": nets}
