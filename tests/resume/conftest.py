"""Small data, a complete training and an interrupted one."""

from dataclasses import replace

import pytest
from resume.trainings import interrupted, net, train

from jitcnn import load_digits


@pytest.fixture(scope="session")
def few():
    """A small subset of the digits at reduced size."""
    data = load_digits().limited(37)
    return replace(data, x_train=data.x_train[:, :, ::4, ::4].copy(), x_test=data.x_test[:, :, ::4, ::4].copy())


@pytest.fixture(scope="session")
def uninterrupted(few):
    """A fully trained net and its history."""
    model = net()
    return model, train(model, few)


@pytest.fixture(scope="session")
def kept(few, tmp_path_factory):
    """A checkpoint after the seventh batch."""
    path = tmp_path_factory.mktemp("kept") / "checkpoint.npz"
    interrupted(few, path, 8, 7)
    return path
