"""Fixtures shared by the command tests."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def seven(tmp_path):
    """An image of a test digit, dark on light, at four times its size."""
    from jitcnn import load_digits

    data = load_digits()
    image = 255 - data.x_test[np.flatnonzero(data.y_test == 7)[0], 0]
    path = tmp_path / "my_digit.png"
    Image.fromarray(image).resize((112, 112)).save(path)
    return path


@pytest.fixture(scope="session")
def run_folder(model_file):
    """An output folder of `jitcnn train`: model file, history and filter snapshots."""
    from jitcnn import CNN
    from jitcnn.inspection import Snapshots

    model = CNN.load(model_file)
    snapshots = Snapshots.of(model)
    for epoch in (0, 1):
        snapshots.take(model, epoch)
    snapshots.save(model_file.with_name("snapshots.npz"))
    epoch = {
        "epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.5, "test_accuracy": 0.4, "seconds": 1.0,
        "images_per_second": 9.0, "remarks": [],
    }  # fmt: skip
    history = {"histories": {model.name: {"epochs": [epoch, {**epoch, "epoch": 2}], "interrupted": False}}}
    model_file.with_name("history.json").write_text(json.dumps(history))
    return model_file.parent
