"""Sixteen convolutions from well-known nets, covering the relevant kernel sizes, strides and image sizes.

LeNet-5 (LeCun et al. 1998), AlexNet (Krizhevsky et al. 2012), VGG (Simonyan and Zisserman 2014), ResNet
(He et al. 2015).
"""

from dataclasses import dataclass

import numpy as np

from ..layers import Conv2D


@dataclass(frozen=True)
class ZooLayer:
    """A convolution and its input: a batch of ``images`` images of ``size``² pixels."""

    net: str
    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    padding: int
    size: int
    images: int

    def layer(self, dtype: type = np.float32) -> Conv2D:
        """Create the layer with random weights."""
        rng = np.random.default_rng(0)
        settings = (self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding)
        return Conv2D(*settings, rng=rng, dtype=dtype)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Input shape (C_in, H, W)."""
        return self.in_channels, self.size, self.size

    @property
    def label(self) -> str:
        """Net, layer and input size in one line."""
        return f"{self.net} {self.layer().label}, {self.images}×{self.size}²"


ZOO = (
    ZooLayer("LeNet-5", 1, 6, 5, 1, 2, 28, 64),
    ZooLayer("LeNet-5", 6, 16, 5, 1, 0, 14, 64),
    ZooLayer("LeNet-5", 6, 16, 5, 1, 0, 14, 1),
    ZooLayer("AlexNet", 3, 96, 11, 4, 2, 224, 4),
    ZooLayer("AlexNet", 96, 256, 5, 1, 2, 27, 4),
    ZooLayer("AlexNet", 256, 384, 3, 1, 1, 13, 1),
    ZooLayer("VGG", 3, 64, 3, 1, 1, 224, 1),
    ZooLayer("VGG", 128, 128, 3, 1, 1, 56, 2),
    ZooLayer("VGG", 512, 512, 3, 1, 1, 14, 4),
    ZooLayer("VGG, CIFAR-10", 64, 64, 3, 1, 1, 32, 64),
    ZooLayer("VGG, CIFAR-10", 256, 256, 3, 1, 1, 4, 256),
    ZooLayer("ResNet", 3, 64, 7, 2, 3, 224, 2),
    ZooLayer("ResNet", 64, 256, 1, 1, 0, 56, 4),
    ZooLayer("ResNet", 128, 256, 3, 2, 1, 28, 8),
    ZooLayer("ResNet", 256, 512, 1, 2, 0, 14, 1),
    ZooLayer("ResNet", 512, 512, 3, 1, 1, 7, 1),
)
