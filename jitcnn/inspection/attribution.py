"""Attribution maps: saliency, occlusion and Grad-CAM. The score of a class is its logit."""

import numpy as np

from ..errors import ConfigError, ShapeError
from ..net.model import CNN
from ..support.arrays import Array, IntArray
from .trace import Stage, trace


def saliency(model: CNN, x: Array | IntArray, class_index: int | None = None) -> Array:
    """Compute a saliency map: the maximum of \\|d score / d pixel\\| over the channels.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), uint8 (gradient with respect to pixel / 255) or float (used unchanged)
    class_index : int; by default the predicted class of each image

    Returns
    -------
    ndarray of shape (N, H, W), ≥ 0

    Raises
    ------
    ConfigError, ShapeError
        If the class is out of range, or the images do not match the model.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2013), "Deep Inside Convolutional Networks", arXiv:1312.6034.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import saliency
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> heat = saliency(model, x, class_index=3)
    >>> heat.shape, bool((heat >= 0).all())
    ((2, 8, 8), True)
    """
    slope = _stages(model, x, class_index)[0].d_x
    assert slope is not None  # the backward pass started at the logits
    if x.dtype == np.uint8:
        slope = slope / np.asarray(model.std, slope.dtype)[:, None, None]
    steepest: Array = np.abs(slope).max(axis=1)
    return steepest


def occlusion_map(
    model: CNN, x: Array | IntArray, class_index: int | None = None, patch: int = 5, stride: int = 1
) -> Array:
    """Compute an occlusion map: the drop of the score when a patch is occluded, averaged over all patches on a pixel.

    Occluded pixels are zero after normalisation: black, or the mean colour if the model subtracts a mean.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (1, C, H, W), uint8 or float (used unchanged)
    class_index : int; by default the predicted class
    patch : int, side of the patch in pixels
    stride : int, distance between patches in pixels; at most ``patch``, to cover every pixel

    Returns
    -------
    ndarray of shape (H, W), float64; negative where occlusion raises the score

    Raises
    ------
    ConfigError, ShapeError
        If patch, stride or class are out of range, or x is not a single image that matches the model.

    References
    ----------
    Zeiler and Fergus (2013), "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import occlusion_map
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> occlusion_map(model, x[:1], patch=3).shape
    (8, 8)
    >>> bool(occlusion_map(model, 0 * x[:1], patch=3).any())  # occlusion does not change a black image
    False
    """
    if x.ndim != 4 or len(x) != 1:
        raise ShapeError(f"occlusion_map expects one image of shape (1, C, H, W), got {x.shape}.")
    H, W = x.shape[2:]
    if not 1 <= patch <= min(H, W):
        raise ConfigError(f"patch must be 1 to {min(H, W)} pixels for an image of {H}×{W}, got {patch}.")
    if not 1 <= stride <= patch:
        raise ConfigError(f"stride must be 1 to {patch} pixels, at most the patch size, got {stride}.")
    image = model.as_input(x)
    clear = model.logits(image, training=False)[0]
    asked = _checked_class(model, len(clear), class_index)
    asked = int(clear.argmax()) if asked is None else asked
    falls, covers = np.zeros((H, W)), np.zeros((H, W))
    at_once = model.images_at_once
    places = [(top, left) for top in _places(H, patch, stride) for left in _places(W, patch, stride)]
    for start in range(0, len(places), at_once):
        some = places[start : start + at_once]
        covered = np.repeat(image, len(some), axis=0)
        for one, (top, left) in zip(covered, some, strict=True):
            one[:, top : top + patch, left : left + patch] = 0
        scores = model.logits(covered, training=False)[:, asked]
        for (top, left), score in zip(some, scores, strict=True):
            falls[top : top + patch, left : left + patch] += clear[asked] - score
            covers[top : top + patch, left : left + patch] += 1
    return falls / covers


def grad_cam(model: CNN, x: Array | IntArray, class_index: int | None = None, layer: int | None = None) -> Array:
    """Compute a Grad-CAM map of a layer: ReLU(Σ_c mean(d score / d map c) · map c) over its feature maps.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), uint8 or float (used unchanged)
    class_index : int; by default the predicted class of each image
    layer : int, index in ``model.layers``; by default the last layer with feature maps, of more than one pixel if any

    Returns
    -------
    ndarray of shape (N, H_out, W_out), like the feature maps of the layer, ≥ 0

    Raises
    ------
    ConfigError, ShapeError
        If the class is out of range, the layer has no feature maps, or the images do not match the model.

    References
    ----------
    Selvaraju et al. (2017), "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    arXiv:1610.02391.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import grad_cam
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> grad_cam(model, x).shape, grad_cam(model, x, layer=0).shape
    ((2, 3, 3), (2, 6, 6))
    """
    stages = _stages(model, x, class_index)
    with_planes = [position for position, stage in enumerate(stages) if stage.out.ndim == 4 and stage.layer.inputs != 0]
    if layer is None and with_planes:
        larger = [position for position in with_planes if stages[position].out[0, 0].size > 1]
        layer = (larger or with_planes)[-1]
    if layer not in with_planes:
        kind = "no layer" if layer is None or layer >= len(stages) else stages[layer].layer.label
        raise ConfigError(
            f"Grad-CAM expects a layer with feature maps (N, C, H, W) as output, got {kind} of {model.name}."
        )
    planes, d_planes = stages[layer].out, stages[layer].d_out
    assert d_planes is not None
    weights = d_planes.mean(axis=(2, 3), keepdims=True)
    found: Array = np.maximum((weights * planes).sum(axis=1), 0)
    return found


def _stages(model: CNN, x: Array | IntArray, class_index: int | None) -> list[Stage]:
    """Trace a pass with the gradients of one logit per image."""

    def one_of_each(logits: Array) -> Array:
        asked = _checked_class(model, logits.shape[1], class_index)
        d_logits = np.zeros_like(logits)
        d_logits[np.arange(len(logits)), logits.argmax(axis=1) if asked is None else asked] = 1
        return d_logits

    return trace(model, x, d_logits=one_of_each)


def _checked_class(model: CNN, count: int, class_index: int | None) -> int | None:
    if class_index is not None and not 0 <= class_index < count:
        raise ConfigError(f"{model.name} has classes 0 to {count - 1}, got class {class_index}.")
    return class_index


def _places(size: int, patch: int, stride: int) -> list[int]:
    """Start positions of the patches; the last patch ends at the border."""
    places = list(range(0, size - patch + 1, stride))
    return places if places[-1] == size - patch else [*places, size - patch]
