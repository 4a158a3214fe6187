"""Test images that a model was trained on, or that are also training images: recognised by their content."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..net.model import CNN
from ..net.trained_on import image_keys
from ..support.arrays import IntArray
from ..support.image_rows import join_rows, take_rows
from ..support.text import count_of
from .dataset import Dataset


def leave_out_trained(data: Dataset, model: CNN) -> tuple[Dataset, str]:
    """Choose as test images those that the model was not trained on, if the split was drawn here and is another one.

    Images are recognised by their content, so the folder may have moved, and files may have been added or renamed.

    Returns
    -------
    data : Dataset
    note : str, one sentence if the test images were chosen anew; else empty

    Examples
    --------
    >>> from jitcnn import CNN, Dataset, Dense, Flatten, fit
    >>> images, labels = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1), np.array([0, 1] * 4)
    >>> model = CNN([Flatten(), Dense(1, 2)], input_shape=(1, 1, 1), name="tiny")

    >>> from jitcnn.data import leave_out_trained
    >>> split = {"test_share": 0.5}
    >>> begun = Dataset("dots", "drawn", images[:4], labels[:4], images[4:], labels[4:], split=split)
    >>> history = fit(model, begun, epochs=1)
    >>> other = Dataset("dots", "drawn", images[4:], labels[4:], images[:4], labels[:4], split=split)
    >>> chosen, note = leave_out_trained(other, model)
    >>> chosen.x_test.ravel().tolist()
    [4, 5, 6, 7]
    >>> note
    'dots: the test images are the 4 of 8 that tiny was not trained on, recognised by their content.'
    """
    record = model.trained_on
    if record is None or "test_share" not in data.split:
        return data, ""
    tested = image_keys(data.x_test)
    if not record.has_seen(tested).any() or np.isin(tested, record.held_out).all():
        return data, ""
    seen = record.has_seen(np.concatenate([image_keys(data.x_train), tested]))
    if seen.all():
        return data, ""
    images, labels = join_rows(data.x_train, data.x_test), np.concatenate([data.y_train, data.y_test])
    trained, held = (take_rows(images, mask) for mask in (seen, ~seen))
    chosen = replace(data, x_train=trained, y_train=labels[seen], x_test=held, y_test=labels[~seen])
    return chosen, (
        f"{data.name}: the test images are the {int((~seen).sum()):,} of {len(images):,} that {model.name} was not "
        "trained on, recognised by their content."
    )


def seen_in_training(images: NDArray[Any], model: CNN) -> NDArray[np.bool_]:
    """Whether the model was trained on each of the images (N, C, H, W): (N,) of bool, all False if unknown."""
    if model.trained_on is None:
        return np.zeros(len(images), bool)
    return model.trained_on.has_seen(image_keys(images))


def trained_on_warning(images: IntArray, model: CNN) -> str:
    """A sentence if the model was trained on any of the images (N, C, H, W), uint8; else, or if unknown, empty.

    Examples
    --------
    >>> from jitcnn import CNN, Dataset, Dense, Flatten, fit
    >>> images, labels = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1), np.array([0, 1] * 4)
    >>> model = CNN([Flatten(), Dense(1, 2)], input_shape=(1, 1, 1), name="tiny")

    >>> from jitcnn.data import trained_on_warning
    >>> history = fit(model, Dataset("dots", "drawn", images[:4], labels[:4], images[4:], labels[4:]), epochs=1)
    >>> trained_on_warning(images[3:], model)
    'Warning: tiny was trained on 1 of these 5 images: its accuracy on them says little about new images.'
    >>> trained_on_warning(images[4:], model)
    ''
    """
    count = int(seen_in_training(images, model).sum())
    if not count:
        return ""
    return (
        f"Warning: {model.name} was trained on {count:,} of these {count_of(len(images), 'image')}: its accuracy on them says "
        "little about new images."
    )


def repeated_images(data: Dataset) -> str:
    """A sentence if test images are copies of training images; else empty.

    Examples
    --------
    >>> from jitcnn import Dataset
    >>> from jitcnn.data import repeated_images
    >>> images, labels = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), np.array([0, 1, 0, 1])
    >>> repeated_images(Dataset("dots", "drawn", images, labels, images[:1], labels[:1]))
    'Warning: 1 of the 1 test image of dots is a copy of training images: the accuracy on them says little about new images.'
    """
    count = int(np.isin(image_keys(data.x_test), image_keys(data.x_train)).sum())
    if not count:
        return ""
    return (
        f"Warning: {count:,} of the {count_of(len(data.x_test), f'{data.evaluated_on} image')} of {data.name} "
        f"{'is a copy' if count == 1 else 'are copies'} of training images: the accuracy on them says little about new images."
    )
