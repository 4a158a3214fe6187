"""Train on arrays that the program makes itself: bars that are horizontal, vertical or diagonal.

Usage: python examples/own_data.py
"""

import numpy as np

from jitcnn import CNN, SGD, Dataset, fit

SIZE = 16
NET = """
name = "bars-net"
input_shape = [1, 16, 16]
classes = 3
layer = [
  {kind = "Conv2D", out_channels = 8, kernel_size = 3},
  {kind = "ReLU"},
  {kind = "MaxPool2D"},
  {kind = "Flatten"},
  {kind = "Dense", out_features = 3},
]
"""


def bars(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images (count, 1, SIZE, SIZE), uint8, and labels: 0 horizontal, 1 vertical, 2 diagonal."""
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 100, (count, 1, SIZE, SIZE), dtype=np.uint8)
    along = np.arange(SIZE)
    for image, label, place in zip(images[:, 0], labels, rng.integers(0, SIZE, count), strict=True):
        rows = np.full(SIZE, place) if label == 0 else along
        columns = np.full(SIZE, place) if label == 1 else along if label == 0 else (along + place) % SIZE
        image[rows, columns] = 255
    return images, labels


rng = np.random.default_rng(0)
data = Dataset(
    "bars", "made here", *bars(600, rng), *bars(200, rng), class_names=("horizontal", "vertical", "diagonal")
)
model = CNN.from_toml(NET, seed=0)
history = fit(model, data, optimizer=SGD(learning_rate=0.05, momentum=0.9), epochs=4, batch_size=32)
for epoch in history.epochs:
    print(f"epoch {epoch.epoch}: test accuracy {epoch.test_accuracy:.1%}")
