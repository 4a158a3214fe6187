"""Predefined models."""

from .alexnet import alexnet, cifar_alexnet
from .choice import AUTO, choose_model
from .lenet import lenet5, lenet5_relu
from .mnist import mnist_cnn, mnist_dense
from .registry import MODELS, Net, find_net, fixed_shape
from .resnet import resnet18, resnet20, resnet32, resnet34, resnet50, resnet56
from .vgg import cifar_vgg, mnist_vgg, vgg11, vgg13, vgg16, vgg19

__all__ = [
    "AUTO",
    "MODELS",
    "Net",
    "alexnet",
    "choose_model",
    "cifar_alexnet",
    "cifar_vgg",
    "find_net",
    "fixed_shape",
    "lenet5",
    "lenet5_relu",
    "mnist_cnn",
    "mnist_dense",
    "mnist_vgg",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet56",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
