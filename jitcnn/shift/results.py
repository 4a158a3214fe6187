"""The results of a translation lab: one ``LabNet`` for each trained net, and a ``Lab`` for all of them."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..history import Epoch
from .equivariance import Commuting
from .maps import ShiftMap

AUGMENTED_BY = 4  # pixels, up to which training images are moved


@dataclass(frozen=True)
class LabNet:
    """One trained net; ``augmented`` says whether the images that it learnt from were moved at random."""

    name: str
    title: str
    parameters: int
    augmented: bool
    epochs: list[Epoch]
    shifts: ShiftMap
    map_seconds: float
    inside: list[Commuting]

    @property
    def seconds(self) -> float:
        """Training time."""
        return sum(epoch.seconds for epoch in self.epochs)


@dataclass
class Lab:
    """What was measured, net after net; ``interrupted`` when Ctrl-C ended it before the last."""

    dataset: str
    train_images: int
    test_images: int
    seed: int
    augmented_by: int = AUGMENTED_BY
    ink_kept: dict[int, float] = field(default_factory=dict)
    nets: list[LabNet] = field(default_factory=list)
    interrupted: bool = False

    def find(self, name: str, augmented: bool) -> LabNet | None:
        """A net by its name in ``LAB_NETS``; None if it was not measured."""
        return next((net for net in self.nets if (net.name, net.augmented) == (name, augmented)), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
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
