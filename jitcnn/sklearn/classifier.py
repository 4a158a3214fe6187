"""``CNNClassifier``: a convolutional net as a scikit-learn classifier."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from ..errors import ConfigError
from ..training.best import Best
from . import settings
from .layout import layout_of
from .loop import Score, evaluate_rows, train_epoch
from .nets import build_net
from .predictor import DTYPES, Predictor, flattened, plain_labels
from .rows import Rows, merge, prepare, split, statistics


class CNNClassifier(Predictor):
    """A neural network for images or features, with the interface of scikit-learn.

    Parameters
    ----------
    model : str or function
        "auto", the name of a built-in model, the path of a .toml file, or a function that is called with ``(input_shape,
        num_classes, seed)`` and returns a CNN. "auto" is a small convolutional net for images, and a net of dense layers for features
    image_shape : the shape of a sample in X: (C, H, W), (H, W) or (features,). None infers it: X with more than two axes has
        images; a row of as many numbers as the named model has inputs, or of a square number of at least 64, is one image;
        other rows are features
    channels_last : bool, whether colour images are (H, W, C), in X and in ``image_shape``
    normalise : bool; subtract the mean of each channel, or of each feature, and divide by its standard deviation, both over
        the training samples. If False, the values are used as they are
    max_epochs : int, passes over the training samples; fewer with early stopping
    batch_size : int, or "auto": 8 up to 300 samples, 16 up to 1,000, 32 up to 10,000, and 64 above
    optimizer : "sgd", "adam", "adamw", "lion", or an Optimizer, of which a copy is used
    learning_rate, weight_decay : float, or None for that of the optimizer
    momentum : float, or None for that of the optimizer; only for "sgd"
    class_weight : None, "balanced", or a dict of label and weight
    early_stopping : bool, or "auto": True above 10,000 samples. The training ends when the score has not improved by more
        than ``tol`` for ``n_iter_no_change`` epochs, and the weights of the best epoch remain
    scoring : "loss" or "accuracy", the score that early stopping watches
    validation_fraction : share, or number, of the samples that early stopping holds out, the same share of every class; None
        watches the training samples
    n_iter_no_change : int
    tol : float
    warm_start : bool; if True, ``fit`` goes on from the weights of the last call, for ``max_epochs`` more
    random_state : int, RandomState or None: initial weights, order of the samples, validation samples, dropout. With an int,
        the same data give the same bits, on any number of threads and processes
    verbose : bool; print the metrics of every epoch

    Attributes
    ----------
    classes_ : ndarray of shape (classes,), sorted labels
    net_ : CNN, for samples (X - mean) / scale of the shape ``image_shape_``
    mean_, scale_ : ndarray of shape (C,) or (features,), in the units of X; 0 and 1 with normalise=False
    image_shape_ : tuple (C, H, W) or (features,)
    n_features_in_ : int, numbers in a sample
    feature_names_in_ : ndarray of str, if X had column names
    n_iter_ : int, epochs trained
    best_epoch_ : int, the epoch whose weights remain, or None without early stopping
    validation_scores_ : ndarray of shape (epochs,), accuracy or negative loss of the samples held out; empty without early
        stopping
    history_ : dict of lists with one value per epoch: loss, accuracy, validation_loss, validation_accuracy (the last two are
        None where nothing was held out)

    Notes
    -----
    A sample of weight k counts as k equal samples, and the order of the samples has no effect: equal samples of a class are
    merged before the training. Class weights multiply the sample weights.

    In a pickle, the net is its model file (``CNN.save``), from which nothing is executed. ``save`` writes a file without any
    pickle.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from jitcnn.sklearn import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

    >>> classifier = CNNClassifier(max_epochs=3, random_state=0).fit(X_train, y_train)
    >>> classifier.image_shape_, classifier.predict_proba(X_test).shape
    ((1, 8, 8), (450, 10))
    >>> classifier.score(X_test, y_test) > 0.9
    True
    """

    def __init__(
        self,
        model: Any = "auto",
        *,
        image_shape: Any = None,
        channels_last: bool = False,
        normalise: bool = True,
        max_epochs: int = 30,
        batch_size: Any = "auto",
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        momentum: float | None = None,
        weight_decay: float | None = None,
        class_weight: Any = None,
        early_stopping: Any = "auto",
        scoring: str = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.image_shape = image_shape
        self.channels_last = channels_last
        self.normalise = normalise
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # --- training -----------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples.

        Parameters
        ----------
        X : array-like of shape (N, features), (N, H, W) or (N, C, H, W), numbers
        y : array-like of shape (N,), labels of any sortable type
        sample_weight : array-like of shape (N,), at least 0

        Raises
        ------
        ValueError
            If X, y or a parameter is invalid.
        TrainingError
            If the loss becomes infinite or NaN.
        """
        settings.check_parameters(self)
        goes_on = self.warm_start and hasattr(self, "net_")
        x, y, layout = self._checked(X, y, reset=not goes_on)
        classes, labels = np.unique(y, return_inverse=True)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ConfigError(
                f"warm_start expects the classes of the first fit, {self.classes_.tolist()}, got {classes.tolist()}: "
                "set warm_start=False."
            )
        rows = self._weighted(x, labels, classes, sample_weight)
        train, held = rows, None
        if not goes_on:
            self._draw_seeds()
        stops = len(rows) > settings.MANY_ROWS if self.early_stopping == "auto" else bool(self.early_stopping)
        if stops and self.validation_fraction is not None:
            train, held = split(rows, self.validation_fraction, self._seeds[2])
        if not goes_on:
            self._begin(classes, layout, train)
        self._train(self._prepared(train), None if held is None else self._prepared(held), stops)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these samples, going on from the weights and the optimizer as they are.

        The first call determines ``mean_`` and ``scale_``, which remain.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
        classes : array-like, all labels; only needed in the first call

        Raises
        ------
        ValueError
            If ``classes`` is missing in the first call, or y has other labels.
        """
        settings.check_parameters(self)
        if isinstance(self.class_weight, str) or self.early_stopping is True:
            raise ConfigError(
                f"partial_fit does not see all samples and expects early_stopping=False and class_weight None or a dict, got "
                f"{self.early_stopping!r} and {self.class_weight!r}."
            )
        begins = not hasattr(self, "net_")
        if begins and classes is None:
            raise ConfigError("The first call of partial_fit expects classes, all labels that will occur, got None.")
        known = np.unique(classes) if begins else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ConfigError(f"partial_fit expects the classes of its first call, {known.tolist()}, got {classes!r}.")
        x, y, layout = self._checked(X, y, reset=begins)
        if unknown := sorted(set(np.unique(y).tolist()) - set(known.tolist())):
            raise ConfigError(f"y has the labels {unknown}, which are not in classes, {known.tolist()}.")
        rows = self._weighted(x, np.searchsorted(known, y), known, sample_weight)
        if begins:
            self._draw_seeds()
            self._begin(known, layout, rows)
        self._record(self._epoch(self._prepared(rows)), None)
        return self

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any, Any]:
        """X as rows, y, and the layout of the rows."""
        flat, sample = flattened(X)
        x, y = validate_data(self, flat, y, reset=reset, dtype=DTYPES)
        y = plain_labels(y)
        check_classification_targets(y)
        if reset:
            return x, y, layout_of(sample or x.shape[1:], self.image_shape, bool(self.channels_last), self.model)
        self._check_layout(sample)
        return x, y, self._layout

    def _weighted(self, x: Any, labels: Any, classes: Any, sample_weight: Any) -> Rows:
        """The rows with sample and class weights."""
        weights = settings.checked_weights(sample_weight, len(x))
        of_class = settings.weights_of_classes(self.class_weight, classes, labels, weights)
        weighted = weights * of_class[labels]
        if not weighted.any():
            raise ConfigError("class_weight and sample_weight leave only samples of zero weight.")
        return merge(x, labels.astype(np.int64), weighted)

    def _begin(self, classes: Any, layout: Any, rows: Rows) -> None:
        """A new net and optimizer, and the scaling."""
        shape = layout.net_shape
        net = build_net(self.model, shape, len(classes), self._seeds[0])
        mean, scale = statistics(rows, layout) if self.normalise else (np.zeros(shape[0]), np.ones(shape[0]))
        is_pixels, is_share = rows.x.dtype == np.uint8, rows.x.min() >= 0 and rows.x.max() <= 1
        if layout.is_image and (is_pixels or is_share):  # then the net alone can read image files
            unit = 255 if is_pixels else 1
            net.normalise_by((mean / unit).tolist(), (scale / unit).tolist())
        if len({*map(str, classes)}) == len(classes):
            net.class_names = tuple(map(str, classes))
        self.net_, self.classes_, self.mean_, self.scale_ = net, classes, mean, scale
        self.image_shape_, self._layout = shape, layout
        self._new_optimizer()
        self.n_iter_, self.best_epoch_, self.validation_scores_ = 0, None, np.zeros(0)
        self.history_: dict[str, list[float | None]] = {
            name: [] for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
        }

    def _prepared(self, rows: Rows) -> Rows:
        return Rows(prepare(rows.x, self._layout, self.mean_, self.scale_), rows.y, rows.weights)

    def _train(self, rows: Rows, held: Rows | None, stops: bool) -> None:
        """The epochs of ``fit``."""
        best = Best(self.scoring, self.tol)
        try:
            for _ in range(self.max_epochs):
                train = self._epoch(rows)
                score = None if held is None else evaluate_rows(self.net_, held)
                self._record(train, score)
                if not stops:
                    continue
                watched = train if score is None else score
                best.offer(self.n_iter_, getattr(watched, self.scoring), self.net_.named_arrays())
                if score is not None:
                    value = score.accuracy if self.scoring == "accuracy" else -score.loss
                    self.validation_scores_ = np.append(self.validation_scores_, value)
                if best.waited >= self.n_iter_no_change:
                    break
        except KeyboardInterrupt:
            warnings.warn("Training interrupted: the classifier keeps what it learned.", stacklevel=3)
        best.put_into(self.net_.named_arrays())
        self.best_epoch_ = best.epoch or None

    def _epoch(self, rows: Rows) -> Score:
        size = settings.chosen_batch_size(self.batch_size, len(rows))
        return train_epoch(self.net_, self._optimizer, rows, size, self._rng)

    def _record(self, train: Score, score: Score | None) -> None:
        """Append an epoch to the history, and print it."""
        self.n_iter_ += 1
        values = (train.loss, train.accuracy, *((None, None) if score is None else (score.loss, score.accuracy)))
        for name, value in zip(self.history_, values, strict=True):
            self.history_[name].append(value)
        if self.verbose:
            text = f"epoch {self.n_iter_}: loss {train.loss:.4f}, accuracy {train.accuracy:.2%}"
            if score is not None:
                text += f", validation loss {score.loss:.4f}, validation accuracy {score.accuracy:.2%}"
            print(text, flush=True)
