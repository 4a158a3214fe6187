"""``Predictor``: a network compiled for predictions."""

from typing import Protocol

from ..functional.calls import VERBOSE
from ..graph import Graph
from ..layers import Layer, Softmax
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .fusion import fuse_graph
from .one_call import OneCall
from .predicting import probabilities


class Net(Protocol):
    """What a ``Predictor`` needs of a network."""

    name: str
    layers: list[Layer]
    input_shape: Shape | None

    @property
    def graph(self) -> Graph[Layer]: ...
    @property
    def images_at_once(self) -> int: ...
    def as_input(self, x: Array | IntArray) -> Array: ...
    def checked(self, x: Array) -> Array: ...
    def logits(self, x: Array, training: bool = True) -> Array: ...


class Predictor:
    """Predictions of a network as it was when it was compiled; made by ``CNN.compile``.

    Convolutions, with the batch normalisation, ReLU and pooling after them, and residual blocks, from the first layer on: all of these
    run in one compiled call. Their weights are prepared once, batch normalisation is folded into them, and a thread takes an image
    through all layers while it is in the cache. Other layers follow one by one. Networks that are no chain, in float64, or with
    layers that begin otherwise run as before; ``compiled`` is then 0.

    The results are those of the network up to rounding. Several threads may use a predictor at a time.

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
        layers = net.layers[:-1] if isinstance(net.layers[-1], Softmax) else net.layers
        self._first = None
        if net.graph.is_chain and net.input_shape is not None and len(net.input_shape) == 3:
            self._first = OneCall(layers, net.input_shape)
        self.compiled = 0 if self._first is None else self._first.count
        self._rest = fuse_graph(Graph.chain(layers[self.compiled :]))

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
        x, first = self._net.as_input(x), self._first
        if VERBOSE or first is None or not first.suits(x):
            return self._net.logits(x, training=False)
        x = self._net.checked(x)
        return self._rest.forward(first(x), lambda position, x: self._rest.nodes[position].apply(x, False)[0])

    def predict_proba(self, x: Array | IntArray) -> Array:
        """Probability of each class, as ``CNN.predict_proba``; x as for ``logits``.

        Examples
        --------
        >>> from jitcnn.models import mnist_cnn
        >>> model, images = mnist_cnn(), np.zeros((3, 1, 28, 28), np.uint8)
        >>> bool(np.allclose(model.compile().predict_proba(images), model.predict_proba(images), atol=1e-6))
        True
        """
        return probabilities(self.logits, x, self.batch_size)

    def predict(self, x: Array | IntArray) -> IntArray:
        """The most probable class of each image, (N,) int64; x as for ``logits``."""
        classes: IntArray = self.predict_proba(x).argmax(axis=1)
        return classes

    def __repr__(self) -> str:
        return (
            f"<Predictor of {self._net.name}: the first {self.compiled} of {len(self._net.layers)} layers in one call>"
        )
