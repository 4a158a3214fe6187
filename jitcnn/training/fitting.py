"""``fit`` and ``fit_by``: a training in one call."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import numpy as np

from .. import compile_ahead
from ..data.augment import Augmentation
from ..data.batches import minibatches
from ..data.dataset import Dataset
from ..errors import ConfigError
from ..history import Epoch, History
from ..models import AUTO, choose_model, find_net
from ..net.model import CNN
from ..optim import SGD, Optimizer, WeightAverage
from ..recipes import Recipe
from ..recipes.choices import ClassWeights
from ..schedules import Schedule
from ..shapes import Shape
from .callbacks import BatchFunction, Callback, EpochFunction, check_callbacks
from .checkpointing import Checkpoints
from .progress import PrintProgress
from .record import FilePath
from .settings import TrainingSettings, augmentation_of
from .step import train_step
from .trainer import Trainer

OnBatch = Callable[[int, int, int], object]
OnEpoch = Callable[[Epoch], object]


def model_by(
    recipe: Recipe,
    *,
    seed: int = 0,
    impl: str = "auto",
    num_classes: int | None = None,
    input_shape: Shape | None = None,
    images: int | None = None,
) -> CNN:
    """Build the model of a recipe; parameters and errors as for ``find_net``.

    For the model "auto", ``choose_model`` selects one by ``input_shape``, ``num_classes`` and ``images``, the number of training
    images; ConfigError if one of them is missing.

    Examples
    --------
    >>> from jitcnn import load_recipe
    >>> from jitcnn.training import model_by
    >>> model_by(load_recipe("lenet5"))
    <CNN lenet5: 13 layers, 61,706 parameters>
    """
    which = recipe.model
    if which == AUTO:
        if input_shape is None or num_classes is None or images is None:
            raise ConfigError(
                f"The model of the recipe {recipe.name} is auto, chosen for the data: expected input_shape, num_classes and "
                "images, the number of training images; give them, or name a model."
            )
        which, _ = choose_model(input_shape, num_classes, images)
    return find_net(which, seed=seed, impl=impl, num_classes=num_classes, input_shape=input_shape)


def prepare(model: CNN, batch_size: int = 64, recipe: Recipe | None = None) -> None:
    """Compile or load every kernel of a training by training a copy of the model on a batch of black images.

    Parameters
    ----------
    model : CNN, unchanged
    batch_size : int
    recipe : Recipe whose optimizer, weight average and augmentation are compiled too; by default SGD alone

    Examples
    --------
    >>> from jitcnn.models import mnist_dense
    >>> from jitcnn.training import prepare
    >>> model = mnist_dense()
    >>> before = model.fingerprint()
    >>> prepare(model, batch_size=32)
    >>> model.fingerprint() == before
    True
    """
    if model.input_shape is None:
        return
    black, labels = np.zeros((batch_size, *model.input_shape), np.uint8), np.zeros(batch_size, np.int64)
    copy = deepcopy(model)
    if recipe is not None and recipe.freeze:
        copy.freeze(*recipe.freeze)
    optimizer = SGD() if recipe is None else recipe.make_optimizer()
    augmentation = None if recipe is None else augmentation_of(recipe)
    rng = np.random.default_rng()
    with compile_ahead.helper(model, batch_size) as helper:
        for x, y in minibatches(black, labels, batch_size, rng, augmentation=augmentation):
            train_step(copy, x, y, optimizer)
        if helper is None:  # which compiles this while the training begins
            copy.predict(black[:1])
    if recipe is not None and recipe.average:
        WeightAverage(recipe.average).update(copy.trainable_arrays())


def fit(
    model: CNN,
    data: Dataset,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    schedule: Schedule | None = None,
    label_smoothing: float = 0.0,
    average: WeightAverage | None = None,
    until: float | None = None,
    augmentation: Augmentation | None = None,
    class_weights: ClassWeights | Sequence[float] | None = None,
    sampling: str = "shuffled",
    clip_norm: float | None = None,
    early_stop: int | None = None,
    keep: str = "last",
    metric: str = "loss",
    drop_last: bool = False,
    freeze: str | Sequence[str | int] = (),
    rate_factors: Mapping[str, float] | None = None,
    continue_by: str = "extend",
    checkpoint: FilePath | Checkpoints | None = None,
    resume: FilePath | None = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    callbacks: Sequence[Callback] = (),
    verbose: bool = False,
) -> History:
    """Train a model and evaluate it on the test images after every epoch.

    Parameters
    ----------
    model : CNN, modified in place; it takes the class names and the preparation of the data
    data : Dataset
    optimizer : Optimizer, by default SGD with learning rate 0.01 and momentum 0.9
    epochs, batch_size : int, at least 1
    seed : int, for the order of the images and the augmentation
    schedule : learning rate as a function of training progress, 0 … 1; by default the optimizer's rate
    label_smoothing : float, as for ``softmax_cross_entropy``; the training loss contains it, the test loss does not
    average : WeightAverage of the weights after each step; those are evaluated, and remain in the model at the end
    until : test accuracy, 0 … 1, that ends the training after the epoch that reaches it
    augmentation : Augmentation of the training images
    class_weights : weight of each class in the loss: "balanced" for images / (classes · images of the class), a sequence in
        the order of the classes, or a dict by class name with 1 for the others
    sampling : "shuffled", each image once per epoch; "balanced", as many images, drawn with replacement, each class equally
        often; or "weighted", drawn in proportion to ``class_weights``, which then do not weight the loss
    clip_norm : float; scale the gradients of a step down to this norm, see ``optim.clip_gradients``
    early_stop : int; end the training when ``metric`` was not better for this many epochs. This and ``keep="best"`` need
        ``data.validation(…)``: test images choose nothing
    keep : "last" or "best", the weights that remain: those of the last epoch, or of the epoch with the best ``metric``
    metric : "loss", "accuracy" or "macro_f1", on the validation images
    drop_last : bool; leave out the last batch of an epoch if it is smaller than the others
    freeze : selections of layers that are not trained, such as "all-but-head" or "0-5", see ``CNN.freeze``; they stay frozen
    rate_factors : factor of the learning rate of each selection of layers, such as {"head": 10}, see ``CNN.layer_rates``
    continue_by : "extend" or "restart", what the schedule does when ``resume`` is the checkpoint of a finished training and
        ``epochs`` are more than it had: run as if it had been planned for all of them, or start again for the rest
    checkpoint : file written after every epoch, at the end, and on Ctrl-C or SIGTERM; ``Checkpoints`` sets another interval
    resume : checkpoint of a training begun with the same arguments; the final weights are, bit for bit, those without the
        interruption. A finished training goes on if ``epochs`` are more than it had
    on_batch : called with (batch number from 1, batches per epoch, images of this epoch so far)
    on_epoch : called with the Epoch just ended, while the model holds the weights that were evaluated; True ends the training
    callbacks : sequence of Callback
    verbose : bool; print the metrics of every epoch, and on a terminal or in a notebook the number of the batch

    Returns
    -------
    History
        Ctrl-C (KeyboardInterrupt) ends the training early: the model keeps what it learned, and ``interrupted`` is set.

    Raises
    ------
    ConfigError
        If a setting is out of range, or early_stop or keep="best" is asked for without validation images.
    ShapeError, DataError
        If the images or the number of classes do not fit the model.
    TrainingError
        If the loss becomes infinite or NaN.
    CheckpointError
        If ``resume`` is damaged, finished, or of another training; if ``checkpoint`` cannot be written.

    Examples
    --------
    >>> from jitcnn import SGD, fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits().limited(128)

    >>> history = fit(mnist_dense(), data, optimizer=SGD(0.05), epochs=3, batch_size=32)
    >>> len(history.epochs), history.epochs[2].train_loss < history.epochs[0].train_loss
    (3, True)
    """
    settings = TrainingSettings(
        optimizer=optimizer or SGD(), epochs=epochs, batch_size=batch_size, seed=seed, schedule=schedule,
        label_smoothing=label_smoothing, average=average, until=until, augmentation=augmentation,
        class_weights=() if class_weights is None else class_weights, sampling=sampling, clip_norm=clip_norm or 0.0,
        early_stop=early_stop or 0, keep=keep, metric=metric, drop_last=drop_last, continue_by=continue_by,
        freeze=freeze, rate_factors=rate_factors or (),  # type: ignore[arg-type]  # becomes a tuple
    )  # fmt: skip
    return Trainer(model, data, settings, _all(callbacks, on_batch, on_epoch, checkpoint, verbose), resume).train()


def fit_by(
    recipe: Recipe,
    model: CNN,
    data: Dataset,
    *,
    seed: int = 0,
    until: float | None = None,
    checkpoint: FilePath | Checkpoints | None = None,
    resume: FilePath | None = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    callbacks: Sequence[Callback] = (),
    verbose: bool = False,
) -> History:
    """``fit`` with the settings of a recipe, which the model then records; the other parameters, result and errors as there.

    Raises
    ------
    ConfigError
        If the recipe has an unknown augmentation.

    Examples
    --------
    >>> from jitcnn import fit_by, load_recipe, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits().limited(128)

    >>> recipe = load_recipe("digits").changed(epochs=2)
    >>> model = mnist_dense()
    >>> history = fit_by(recipe, model, data)
    >>> len(history.epochs), model.recipe["name"]
    (2, 'digits')
    """
    settings = TrainingSettings.from_recipe(recipe, seed=seed, until=until)
    model.recipe = recipe.as_dict()
    if recipe.normalise:
        model.normalise_by(*data.statistics())
    return Trainer(model, data, settings, _all(callbacks, on_batch, on_epoch, checkpoint, verbose), resume).train()


def _all(
    callbacks: Sequence[Callback],
    on_batch: OnBatch | None,
    on_epoch: OnEpoch | None,
    checkpoint: FilePath | Checkpoints | None,
    verbose: bool,
) -> list[Callback]:
    """All as callbacks; checkpoints are written last."""
    check_callbacks(callbacks)
    every = [*callbacks]
    every += [] if on_batch is None else [BatchFunction(on_batch)]
    every += [] if on_epoch is None else [EpochFunction(on_epoch)]
    every += [PrintProgress()] if verbose else []
    if checkpoint is not None:
        every.append(checkpoint if isinstance(checkpoint, Checkpoints) else Checkpoints(checkpoint))
    return every
