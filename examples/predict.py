"""Classify image files with a saved model; without arguments, first train one and write an image.

Usage: python examples/predict.py [MODEL.npz IMAGE...]
"""

import sys
from pathlib import Path

from PIL import Image

from jitcnn import CNN, SGD, DataError, fit, load_digits
from jitcnn.data.images import read_for
from jitcnn.models import mnist_cnn


def train_and_draw(folder: Path) -> list[str]:
    """Write a model and the image of a digit; returns their paths."""
    data, model = load_digits(), mnist_cnn(seed=0)
    fit(model, data, optimizer=SGD(learning_rate=0.05, momentum=0.9), epochs=4, batch_size=16)
    model.save(folder / "digits.npz")
    Image.fromarray(255 - data.x_test[0, 0]).resize((140, 140)).save(folder / "digit.png")
    return [str(folder / "digits.npz"), str(folder / "digit.png")]


path, *images = sys.argv[1:] or train_and_draw(Path())
model = CNN.load(path)
for name in images:
    try:
        probabilities = model.predict_proba(read_for(model, name))[0]
    except DataError as error:  # one bad file does not stop the others
        print(error)
        continue
    best = int(probabilities.argmax())
    print(f"{name}: {model.class_names[best]} ({probabilities[best]:.0%})")
