"""The arrays of a layer of Keras as those of one or two layers here: other names, other order of axes."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
NAMES = {  # the arrays of each class, in the order of Keras
    "conv2d": ("kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "p_re_lu": ("alpha",),
}
LEFT_OUT = {"bias": "use_bias", "gamma": "scale", "beta": "center"}  # settings without which an array is missing


def named(where: str, kind: str, arrays: Mapping[str, Item], config: Mapping[str, Any]) -> dict[str, Item]:
    """The arrays of a layer by name; if they have numbers, its settings decide which there are, or else their count.

    Raises
    ------
    ValueError
        If the class has no such arrays.

    Examples
    --------
    >>> from jitcnn.interchange.keras.arrays import named
    >>> named("d", "dense", {"0": "weights"}, {"use_bias": False})
    {'kernel': 'weights'}
    """
    if kind not in NAMES:
        raise ValueError(f"{where} ({kind or 'unknown class'}) has weights of an unsupported kind")
    if not next(iter(arrays)).isdigit():
        first = NAMES[kind][0]
        arrays = {first if name == f"depthwise_{first}" else name: array for name, array in arrays.items()}
        if unknown := arrays.keys() - NAMES[kind]:
            raise ValueError(f"{where} has arrays {', '.join(sorted(unknown))}, expected {', '.join(NAMES[kind])}")
        return {**arrays}
    names = [name for name in NAMES[kind] if config.get(LEFT_OUT.get(name, ""), True)]
    if not config and kind == "batch_normalization" and len(arrays) == 2:
        names = names[2:]
    elif not config and kind != "batch_normalization":
        names = names[: len(arrays)]
    if len(names) != len(arrays):
        raise ValueError(f"{where} has {len(arrays)} arrays without names, expected {', '.join(names)}")
    return dict(zip(names, arrays.values(), strict=True))


def converted(kind: str, arrays: Mapping[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """The arrays of each layer here, for those of one layer of Keras.

    Parameters
    ----------
    kind : str, class as in ``NAMES``
    arrays : by name; kernels of convolutions (K_h, K_w, C_in / groups, C_out), depthwise ones (K_h, K_w, C, multiplier)

    Returns
    -------
    list of dict
        Weights (C_out, C_in / groups, K_h, K_w); depthwise ones (C · multiplier, 1, K_h, K_w).

    Examples
    --------
    >>> from jitcnn.interchange.keras.arrays import converted
    >>> [each["weights"].shape for each in converted("conv2d", {"kernel": np.zeros((3, 2, 4, 8))})]
    [(8, 4, 3, 2)]
    """
    bias = {"bias": arrays["bias"]} if "bias" in arrays else {}
    match kind:
        case "conv2d" | "conv2d_transpose":
            return [{"weights": arrays["kernel"].transpose(3, 2, 0, 1), **bias}]
        case "depthwise_conv2d":
            return [{"weights": _depthwise(arrays["kernel"]), **bias}]
        case "separable_conv2d":
            pointwise = arrays["pointwise_kernel"].transpose(3, 2, 0, 1)
            return [{"weights": _depthwise(arrays["depthwise_kernel"])}, {"weights": pointwise, **bias}]
        case "dense":
            return [{"weights": arrays["kernel"], **bias}]
        case "batch_normalization":
            mean, variance = arrays["moving_mean"], arrays["moving_variance"]
            gamma, beta = arrays.get("gamma", np.ones_like(mean)), arrays.get("beta", np.zeros_like(mean))
            return [{"gamma": gamma, "beta": beta, "running_mean": mean, "running_var": variance}]
    return [{"slope": arrays["alpha"].ravel()}]


def _depthwise(kernel: NDArray[Any]) -> NDArray[Any]:
    K_h, K_w, C, multiplier = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(C * multiplier, 1, K_h, K_w)
