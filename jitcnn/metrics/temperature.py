"""Temperature scaling: one number that calibrates the confidences of a trained model."""

import numpy as np

from ..functional import softmax
from ..support.arrays import Array, IntArray
from .checks import checked_scores

LOWEST, HIGHEST = 0.01, 100.0
STEPS = 60  # halvings of the interval


def fit_temperature(logits: Array, labels: IntArray) -> float:
    """Temperature T for which softmax(logits / T) has the smallest mean cross-entropy.

    Scaling does not change the predictions. T above 1 makes an overconfident model less confident. Use validation images,
    which neither trained the model nor test it.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), as returned by ``CNN.logits(x, training=False)``
    labels : ndarray of shape (N,), classes

    Returns
    -------
    float, from 0.01 to 100; a limit if the loss has no minimum between them, as when every image is correct

    Raises
    ------
    ShapeError, DataError
        If labels and logits do not match, or there are none.

    Notes
    -----
    With β = 1/T, the loss is convex, and its derivative is the mean of Σ p z - z_label, p = softmax(β z). Its root is found
    by bisection.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", arXiv:1706.04599, section 4.2.

    Examples
    --------
    >>> from jitcnn.metrics import fit_temperature
    >>> logits = np.array([[4.0, 0.0]] * 4)  # 98% confidence, but only three of four are correct
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 4)  # 4 / ln 3
    3.641
    """
    logits, labels = checked_scores("fit_temperature", logits, labels)
    z = logits.astype(np.float64)
    true = z[np.arange(len(labels)), labels]
    low, high = np.log(1 / HIGHEST), np.log(1 / LOWEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        p = softmax(np.exp(middle) * z)
        if ((p * z).sum(axis=1) - true).mean() > 0:
            high = middle
        else:
            low = middle
    return float(np.exp(-(low + high) / 2))
