"""ResNet: residual networks for 224×224 images, and small ones for CIFAR-10.

He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import (
    BatchNorm2D,
    BottleneckBlock,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
    Softmax,
)
from ..net.model import CNN
from ..shapes import Shape
from .registry import net
from .sizes import features, image_shape

PAPER = "He et al., Deep Residual Learning for Image Recognition"


@net("resnet18", year=2016, paper=PAPER, input_shape=(3, 224, 224), parameters=11_689_512, multiply_adds=1_814_073_344)
def resnet18(
    num_classes: int = 1000,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-18: eight basic blocks of two convolutions, for images (3, 224, 224).

    Parameters
    ----------
    num_classes : int
    seed : int, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    input_shape : tuple (C, H, W); by default as published

    Examples
    --------
    >>> from jitcnn.models import MODELS, resnet18
    >>> MODELS["resnet18"].input_shape, MODELS["resnet18"].parameters, MODELS["resnet18"].multiply_adds
    ((3, 224, 224), 11689512, 1814073344)
    >>> model = resnet18()  # doctest: +SKIP
    """
    return _resnet("resnet18", (2, 2, 2, 2), False, num_classes, seed, impl, dtype, input_shape)


@net("resnet34", year=2016, paper=PAPER, input_shape=(3, 224, 224), parameters=21_797_672, multiply_adds=3_663_761_408)
def resnet34(
    num_classes: int = 1000,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-34: sixteen basic blocks of two convolutions; parameters as in ``resnet18``.

    Examples
    --------
    >>> from jitcnn.models import MODELS, resnet34
    >>> MODELS["resnet34"].input_shape, MODELS["resnet34"].parameters, MODELS["resnet34"].multiply_adds
    ((3, 224, 224), 21797672, 3663761408)
    >>> model = resnet34()  # doctest: +SKIP
    """
    return _resnet("resnet34", (3, 4, 6, 3), False, num_classes, seed, impl, dtype, input_shape)


@net("resnet50", year=2016, paper=PAPER, input_shape=(3, 224, 224), parameters=25_557_032, multiply_adds=4_089_184_256)
def resnet50(
    num_classes: int = 1000,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-50: sixteen bottleneck blocks of three convolutions; parameters as in ``resnet18``.

    Examples
    --------
    >>> from jitcnn.models import MODELS, resnet50
    >>> MODELS["resnet50"].input_shape, MODELS["resnet50"].parameters, MODELS["resnet50"].multiply_adds
    ((3, 224, 224), 25557032, 4089184256)
    >>> model = resnet50()  # doctest: +SKIP
    """
    return _resnet("resnet50", (3, 4, 6, 3), True, num_classes, seed, impl, dtype, input_shape)


def _resnet(
    name: str,
    blocks: Sequence[int],
    bottleneck: bool,
    num_classes: int,
    seed: Seed,
    impl: str,
    dtype: Any,
    input_shape: Shape | None,
) -> CNN:
    shape, rng = image_shape(name, input_shape, (3, 224, 224)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 64, 7, 2, 3, use_bias=False, impl=impl, rng=rng, dtype=dtype),
        BatchNorm2D(64, impl=impl, dtype=dtype),
        ReLU(),
        MaxPool2D(3, 2, 1, impl=impl),
    ]
    arriving = 64
    for stage, count in enumerate(blocks):
        channels = 64 * 2**stage
        for position in range(count):
            stride = 2 if stage > 0 and position == 0 else 1
            if bottleneck:
                layers.append(BottleneckBlock(arriving, channels, stride=stride, impl=impl, rng=rng, dtype=dtype))
                arriving = 4 * channels
            else:
                layers.append(ResidualBlock(arriving, channels, stride, impl=impl, rng=rng, dtype=dtype))
                arriving = channels
    layers.append(GlobalAvgPool2D())
    layers += [Dense(features(name, layers, shape), num_classes, rng=rng, dtype=dtype), Softmax()]
    return CNN(layers, input_shape=shape, name=name)


@net("resnet20", year=2016, paper=PAPER, input_shape=(3, 32, 32), parameters=272_474, multiply_adds=40_813_184)
def resnet20(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-20 for images (3, 32, 32): nine basic blocks, with projection shortcuts where the size changes.

    Parameters as in ``resnet18``.

    Examples
    --------
    >>> from jitcnn.models import resnet20
    >>> model = resnet20()
    >>> model.input_shape, model.parameter_count
    ((3, 32, 32), 272474)
    """
    return _cifar_resnet("resnet20", 3, num_classes, seed, impl, dtype, input_shape)


@net("resnet32", year=2016, paper=PAPER, input_shape=(3, 32, 32), parameters=466_906, multiply_adds=69_124_736)
def resnet32(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-32 for images (3, 32, 32): fifteen basic blocks; parameters as in ``resnet18``.

    Examples
    --------
    >>> from jitcnn.models import resnet32
    >>> model = resnet32()
    >>> model.input_shape, model.parameter_count
    ((3, 32, 32), 466906)
    """
    return _cifar_resnet("resnet32", 5, num_classes, seed, impl, dtype, input_shape)


@net("resnet56", year=2016, paper=PAPER, input_shape=(3, 32, 32), parameters=855_770, multiply_adds=125_747_840)
def resnet56(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """ResNet-56 for images (3, 32, 32): twenty-seven basic blocks; parameters as in ``resnet18``.

    Examples
    --------
    >>> from jitcnn.models import resnet56
    >>> model = resnet56()
    >>> model.input_shape, model.parameter_count
    ((3, 32, 32), 855770)
    """
    return _cifar_resnet("resnet56", 9, num_classes, seed, impl, dtype, input_shape)


def _cifar_resnet(
    name: str, blocks: int, num_classes: int, seed: Seed, impl: str, dtype: Any, input_shape: Shape | None
) -> CNN:
    """Three stages of 16, 32 and 64 channels, with ``blocks`` basic blocks each."""
    shape, rng = image_shape(name, input_shape, (3, 32, 32)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 16, 3, 1, 1, use_bias=False, impl=impl, rng=rng, dtype=dtype),
        BatchNorm2D(16, impl=impl, dtype=dtype),
        ReLU(),
    ]
    arriving = 16
    for channels in (16, 32, 64):
        for position in range(blocks):
            stride = 2 if channels > 16 and position == 0 else 1
            layers.append(ResidualBlock(arriving, channels, stride, impl=impl, rng=rng, dtype=dtype))
            arriving = channels
    layers.append(GlobalAvgPool2D())
    layers += [Dense(features(name, layers, shape), num_classes, rng=rng, dtype=dtype), Softmax()]
    return CNN(layers, input_shape=shape, name=name)
