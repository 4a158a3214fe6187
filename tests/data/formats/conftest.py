"""Small images and labels that the tests write in each format."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def grey():
    """30 images (30, 1, 6, 5), and labels 0, 1, 2 in turn."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (30, 1, 6, 5), np.uint8), np.arange(30) % 3


@pytest.fixture
def colour():
    """30 images (30, 3, 4, 4), and labels 0, 1, 2 in turn."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (30, 3, 4, 4), np.uint8), np.arange(30) % 3
