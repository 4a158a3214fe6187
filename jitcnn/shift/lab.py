"""The translation lab: nets of one parameter budget, trained with and without shifted images, and what a shift does to each."""

from collections.abc import Callable
from time import perf_counter

from ..data import Augmentation, Dataset
from ..model import CNN
from ..optim import SGD
from ..schedules import one_cycle
from ..training import fit
from .conclusion import DISTANCES
from .equivariance import equivariance
from .lab_nets import LAB_NETS, lab_nets
from .maps import ink_kept, shift_map
from .results import AUGMENTED_BY, Lab, LabNet

PEAK = 0.05  # of the learning rate, which rises to it and falls to nothing
BATCH_SIZE = 64
SOME_IMAGES = 50  # for the maps inside a net


def translation_lab(
    data: Dataset,
    epochs: int = 3,
    seed: int = 0,
    images: int = 1000,
    reach: int = 8,
    nets: tuple[str, ...] = tuple(LAB_NETS),
    *,
    on_start: Callable[[CNN, bool], object] | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_shift: Callable[[int, int], object] | None = None,
    on_net: Callable[[LabNet], object] | None = None,
) -> Lab:
    """Train each net without and with shifted images, and measure what shifts of the test images do to it.

    All learn from the same images in the same order: SGD with momentum 0.9, batches of 64, one cycle of the learning
    rate up to 0.05. Those that learn from shifted images see each moved by whole pixels, up to 4 in both directions.

    Parameters
    ----------
    data : Dataset
    epochs : int
    seed : int, decides first weights, order and shifts
    images : int, how many of the test images the maps are measured on
    reach : int, largest shift of the maps, in pixels
    nets : which of ``LAB_NETS``
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
        If there is no such net, or a number is out of range.
    """
    tested, labels = data.x_test[:images], data.y_test[:images]
    lab = Lab(data.name, len(data.x_train), len(tested), seed)
    lab.ink_kept = {distance: ink_kept(tested, distance) for distance in DISTANCES if distance <= reach}
    try:
        for augmented in (False, True):
            for name, model in lab_nets(data.image_shape, data.num_classes, seed, nets).items():
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
                    name, LAB_NETS[name], model.parameter_count, augmented, history.epochs, shifts,
                    perf_counter() - start, equivariance(model, tested[:SOME_IMAGES]),
                )  # fmt: skip
                lab.nets.append(measured)
                if on_net is not None:
                    on_net(measured)
    except KeyboardInterrupt:  # during a map; fit ends by itself
        lab.interrupted = True
    return lab
