"""Screen output after training."""

import numpy as np
from rich.console import Console

from jitcnn.data import Dataset
from jitcnn.shift import ShiftRow, ShiftTest
from jitcnn_cli.results_screen import show_shifts


def test_class_names_are_shown():
    pictures, labels = np.zeros((2, 3, 4, 4), np.uint8), np.array([0, 1])
    data = Dataset("pets", "here", pictures, labels, pictures, labels, ("cat", "dog"), evaluated_on="validation")
    shifts = ShiftTest(["net"], 1, 0, 2, [ShiftRow(0, [1], [0.9], [1.0]), ShiftRow(1, [0], [0.6], [0.5])])
    console = Console(record=True, width=110)
    show_shifts(console, shifts, data)
    told = console.export_text()
    assert (
        "shift test: predictions for one image of class dog and accuracy on 2 validation images, shifted right and down"
        in told
    )
    assert "dog (90% confidence)" in told
    assert "cat (60% confidence)" in told


def test_shift_test_fits_80_columns():
    pictures, labels = np.zeros((10, 1, 4, 4), np.uint8), np.arange(10)
    data = Dataset("digits", "here", pictures, labels, pictures, labels)
    shifts = ShiftTest(["mnist-cnn", "mnist-dense"], 1, 0, 10, [ShiftRow(0, [1, 7], [0.9, 0.8], [1.0, 0.5])])
    console = Console(record=True, width=80, force_terminal=True)
    show_shifts(console, shifts, data)
    told = console.export_text()
    assert max(map(len, told.splitlines())) <= 80
    assert "1 (90% confidence) │ 7 (80% confidence)" in told
    assert "…" not in told
