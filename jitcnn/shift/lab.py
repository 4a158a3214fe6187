"""Translation lab: train nets of equal parameter count with and without shifts, and measure their shift tolerance."""

from collections.abc import Callable
from time import perf_counter

from ..data import Augmentation, Dataset
from ..net.model import CNN
from ..optim import SGD
from ..schedules import one_cycle
from ..training import fit
from .conclusion import DISTANCES
from .equivariance import equivariance
from .lab_nets import LAB_NETS, lab_nets
from .maps import ink_kept, shift_map
from .results import AUGMENTED_BY, Lab, LabNet

PEAK = 0.05  # maximum of the one-cycle learning rate
BATCH_SIZE = 64
SOME_IMAGES = 50  # to measure equivariance


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
    """Train each net without and with shifted images, and measure it on shifted test images.

    All nets use the same images in the same order, SGD with momentum 0.9, batch size 64 and a one-cycle learning rate
    with a maximum of 0.05. Shift augmentation moves each image by whole pixels, up to 4 in both directions.

    Parameters
    ----------
    data : Dataset
    epochs : int
    seed : int, for initial weights, image order and shifts
    images : int, number of test images for the shift maps
    reach : int, maximum shift of the shift maps, in pixels
    nets : tuple of str, keys of ``LAB_NETS``
    on_start : callable, called with (model, augmented) before each training
    on_batch : callable, see ``fit``
    on_shift : callable, see ``shift_map``
    on_net : callable, called with each ``LabNet``

    Returns
    -------
    Lab
        After Ctrl-C (KeyboardInterrupt), contains the nets measured so far and has ``interrupted`` set.

    Raises
    ------
    ConfigError
        If a net is unknown or a number is out of range.

    Examples
    --------
    >>> from jitcnn.data import load_digits
    >>> from jitcnn.shift import translation_lab
    >>> lab = translation_lab(load_digits().limited(100), epochs=1, images=10, reach=1, nets=("dense",))
    >>> [(net.name, net.augmented, net.shifts.accuracy.shape) for net in lab.nets]
    [('dense', False, (3, 3)), ('dense', True, (3, 3))]
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
    except KeyboardInterrupt:  # during a shift map; fit handles its own
        lab.interrupted = True
    return lab
