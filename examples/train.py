"""Train a small convolutional network on the embedded digits, and save the model, its curves and its filters.

Usage: python examples/train.py [FOLDER]
"""

import sys
from pathlib import Path

from jitcnn import SGD, fit, load_digits
from jitcnn.models import mnist_cnn
from jitcnn.plots import curves_figure, filters_figure, save_figure

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "output")
folder.mkdir(parents=True, exist_ok=True)

data = load_digits()
model = mnist_cnn(seed=0)
print(model.summary())

history = fit(
    model,
    data,
    optimizer=SGD(learning_rate=0.05, momentum=0.9),
    epochs=4,
    batch_size=16,
    on_epoch=lambda epoch: print(
        f"epoch {epoch.epoch}: train loss {epoch.train_loss:.3f}, test accuracy {epoch.test_accuracy:.1%}"
    ),
)

model.save(folder / "digits.npz")
save_figure(curves_figure({model.name: history.epochs}), folder / "curves.png")
save_figure(filters_figure(model.layers[0].weights), folder / "filters.png")
print(f"wrote digits.npz, curves.png and filters.png to {folder}")
