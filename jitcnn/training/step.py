"""The training step."""

from collections.abc import Mapping, Sequence
from math import isfinite

from ..losses import softmax_cross_entropy
from ..net.model import CNN
from ..optim import Optimizer, clip_gradients
from ..support.arrays import Array, IntArray


def train_step(
    model: CNN,
    x: Array,
    y: IntArray,
    optimizer: Optimizer,
    label_smoothing: float = 0.0,
    *,
    weights: Array | None = None,
    clip_norm: float | None = None,
    rate_factors: Mapping[str, float] | None = None,
) -> float:
    """Train on one batch: forward pass, loss, backward pass, update.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, normalised
    y : ndarray of shape (N,), integer labels
    optimizer : Optimizer
    label_smoothing : float, as for ``softmax_cross_entropy``
    weights : ndarray of shape (N,), weight of each image in the loss, as for ``softmax_cross_entropy``
    clip_norm : float, > 0; scale the gradients down to this norm, see ``clip_gradients``
    rate_factors : factor of the learning rate of each selection of layers, see ``CNN.layer_rates``

    Returns
    -------
    float
        Mean cross-entropy of the batch before the update. If it is NaN or infinite, the weights are not updated.

    Examples
    --------
    >>> from jitcnn import SGD, train_step, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits().limited(128)

    >>> model, optimizer = mnist_dense(), SGD(0.05)
    >>> x, y = model.as_input(data.x_train[:32]), data.y_train[:32]
    >>> losses = [train_step(model, x, y, optimizer) for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    model.check_trainable()
    rates = model.parameter_rates(rate_factors or {})
    return step_with_logits(model, x, y, optimizer, label_smoothing, weights, clip_norm, rates)[0]


def step_with_logits(
    model: CNN,
    x: Array,
    y: IntArray,
    optimizer: Optimizer,
    label_smoothing: float,
    weights: Array | None = None,
    clip_norm: float | None = None,
    rates: Sequence[float] | None = None,
) -> tuple[float, Array]:
    """As ``train_step``, with a factor of the learning rate per trainable parameter; return the logits (N, classes) too."""
    logits = model.logits(x)
    loss, d_logits = softmax_cross_entropy(logits, y, label_smoothing, weights)
    if isfinite(loss):
        model.backward_logits(d_logits)
        if clip_norm is not None:
            clip_gradients(model.trainable_gradients(), clip_norm)
        optimizer.step(model.trainable_parameters(), model.trainable_gradients(), rates)
    return loss, logits
