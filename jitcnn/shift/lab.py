"""The translation lab: rivals of one budget trained with and without shifted images, and what a shift does to each."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

from ..data import Augmentation, Dataset
from ..history import Epoch
from ..model import CNN
from ..optim import SGD
from ..schedules import one_cycle
from ..training import fit
from . import conclusion
from .equivariance import Commuting, equivariance
from .maps import ShiftMap, ink_kept, shift_map
from .rivals import RIVALS, rivals

AUGMENTED_BY = 4  # pixels, up to which training images are moved
PEAK = 0.05  # of the learning rate, which rises to it and falls to nothing
BATCH_SIZE = 64
SOME_IMAGES = 50  # for the maps inside a net


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
        """A net by its name in ``RIVALS``; None if it was not measured."""
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

    def conclusion(self) -> str:
        """What the numbers show, in sentences made of them."""
        return conclusion.of(self)


def translation_lab(
    data: Dataset,
    epochs: int = 3,
    seed: int = 0,
    images: int = 1000,
    reach: int = 8,
    nets: tuple[str, ...] = tuple(RIVALS),
    *,
    on_start: Callable[[CNN, bool], object] | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_shift: Callable[[int, int], object] | None = None,
    on_net: Callable[[LabNet], object] | None = None,
) -> Lab:
    """Train each rival without and with shifted images, and measure what shifts of the test images do to it.

    All learn from the same images in the same order: SGD with momentum 0.9, batches of 64, one cycle of the learning
    rate up to 0.05. Those that learn from shifted images see each moved by whole pixels, up to 4 in both directions.

    Parameters
    ----------
    data : Dataset
    epochs : int
    seed : int, decides first weights, order and shifts
    images : int, how many of the test images the maps are measured on
    reach : int, largest shift of the maps, in pixels
    nets : which of ``RIVALS``
    on_start : called with a net about to be trained, and whether on shifted images
    on_batch : as ``fit`` calls it
    on_shift : as ``shift_map`` calls it
    on_net : called with each net measured

    Returns
    -------
    Lab
        Ctrl-C (KeyboardInterrupt) ends it early, with the nets measured until then, and ``interrupted`` set.

    Raises
    ------
    ConfigError
        If there is no such rival, or a number is out of range.
    """
    tested, labels = data.x_test[:images], data.y_test[:images]
    lab = Lab(data.name, len(data.x_train), len(tested), seed)
    lab.ink_kept = {distance: ink_kept(tested, distance) for distance in conclusion.DISTANCES if distance <= reach}
    try:
        for augmented in (False, True):
            for name, model in rivals(data.image_shape, data.num_classes, seed, nets).items():
                if on_start is not None:
                    on_start(model, augmented)
                history = fit(
                    model, data, optimizer=SGD(PEAK), epochs=epochs, batch_size=BATCH_SIZE, seed=seed,
                    schedule=one_cycle(PEAK), augmentation=Augmentation(crop=AUGMENTED_BY) if augmented else None,
                    on_batch=on_batch,
                )  # fmt: skip
                if history.interrupted:
                    lab.interrupted = True
                    return lab
                start = perf_counter()
                shifts = shift_map(model, tested, labels, reach, on_shift)
                measured = LabNet(
                    name, RIVALS[name], model.parameter_count, augmented, history.epochs, shifts,
                    perf_counter() - start, equivariance(model, tested[:SOME_IMAGES]),
                )  # fmt: skip
                lab.nets.append(measured)
                if on_net is not None:
                    on_net(measured)
    except KeyboardInterrupt:  # during a map; fit ends by itself
        lab.interrupted = True
    return lab
