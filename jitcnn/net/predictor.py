"""``Predictor``: a network compiled for predictions."""

from typing import Protocol

from ..layers import Layer
from ..support.arrays import Array, IntArray


class Net(Protocol):
    """What a ``Predictor`` needs of a network."""

    name: str
    layers: list[Layer]

    @property
    def images_at_once(self) -> int: ...
    @property
    def layers_in_one_call(self) -> int: ...
    def as_input(self, x: Array | IntArray) -> Array: ...
    def logits(self, x: Array, training: bool = True) -> Array: ...
    def predict_proba(self, x: Array | IntArray, batch_size: int | None = None) -> Array: ...


class Predictor:
    """Predictions of a network as it was when it was compiled; made by ``CNN.compile``.

    The first layers run in one compiled call, as in ``CNN.predict``; see ``CNN.logits``. Here the call is prepared when the
    predictor is made, not at the first prediction, and later changes of the network have no effect. Several threads may use a
    predictor at a time.

    Attributes
    ----------
    compiled : int, how many of the first layers run in one call
    batch_size : int, images per call

    Examples
    --------
    >>> from jitcnn.models import find_net
    >>> predictor = find_net("resnet20").compile()
    >>> predictor
    <Predictor of resnet20: the first 13 of 15 layers in one call>
    >>> predictor.predict(np.zeros((2, 3, 32, 32), np.uint8)).shape
    (2,)
    """

    def __init__(self, net: Net, batch_size: int | None = None) -> None:
        self._net = net
        self.batch_size = batch_size or net.images_at_once
        self.compiled = net.layers_in_one_call

    def logits(self, x: Array | IntArray) -> Array:
        """The output without a final Softmax.

        Parameters
        ----------
        x : ndarray of shape (N, C, H, W): uint8 pixels, which are normalised, or float, used unchanged

        Returns
        -------
        ndarray of shape (N, classes)

        Raises
        ------
        DataError, ShapeError, DTypeError
            As the forward pass of the network.
        """
        return self._net.logits(self._net.as_input(x), training=False)

    def predict_proba(self, x: Array | IntArray) -> Array:
        """Probability of each class, as ``CNN.predict_proba``; x as for ``logits``.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> model, images = mnist_cnn(), np.zeros((3, 1, 28, 28), np.uint8)
        >>> bool((model.compile().predict_proba(images) == model.predict_proba(images)).all())
        True
        """
        return self._net.predict_proba(x, self.batch_size)

    def predict(self, x: Array | IntArray) -> IntArray:
        """The most probable class of each image, (N,) int64; x as for ``logits``."""
        classes: IntArray = self.predict_proba(x).argmax(axis=1)
        return classes

    def __repr__(self) -> str:
        return (
            f"<Predictor of {self._net.name}: the first {self.compiled} of {len(self._net.layers)} layers in one call>"
        )
