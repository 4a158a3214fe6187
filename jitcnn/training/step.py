"""The training step."""

from math import isfinite

from ..losses import softmax_cross_entropy
from ..net.model import CNN
from ..optim import Optimizer
from ..support.arrays import Array, IntArray


def train_step(model: CNN, x: Array, y: IntArray, optimizer: Optimizer, label_smoothing: float = 0.0) -> float:
    """Train on one batch: forward pass, loss, backward pass, update.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, normalised
    y : ndarray of shape (N,), integer labels
    optimizer : Optimizer
    label_smoothing : float, as for ``softmax_cross_entropy``

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
    return step_with_logits(model, x, y, optimizer, label_smoothing)[0]


def step_with_logits(
    model: CNN, x: Array, y: IntArray, optimizer: Optimizer, label_smoothing: float
) -> tuple[float, Array]:
    """As ``train_step``, and return the logits (N, classes) too."""
    logits = model.logits(x)
    loss, d_logits = softmax_cross_entropy(logits, y, label_smoothing)
    if isfinite(loss):
        model.backward_logits(d_logits)
        optimizer.step(model.parameters(), model.gradients())
    return loss, logits
