"""The registry of data sets: what it states is what is loaded."""

import pytest

from jitcnn.data import DATASETS, fetch_dataset, find_dataset, load_dataset
from jitcnn.errors import ConfigError
from jitcnn.recipes import PURPOSES


def test_digits_have_the_stated_counts_and_shape():
    source, (data, note) = DATASETS["digits"], load_dataset("digits")
    assert (len(data.x_train), len(data.x_test), data.num_classes) == (source.train, source.test, source.classes)
    assert (data.image_shape, note) == (source.image_shape, "")


def test_embedded_data_set_has_no_folder_and_no_download():
    assert find_dataset("digits") is None
    with pytest.raises(ConfigError, match="digits is embedded in the package: there is nothing to download"):
        fetch_dataset("digits")


@pytest.mark.parametrize("name", DATASETS)
def test_entries_are_complete(name):
    source = DATASETS[name]
    assert source.name == name
    assert (source.find is None) == (source.fetch is None)
    assert set(source.recipes) <= set(PURPOSES)


def test_unknown_name_lists_the_registry():
    with pytest.raises(
        ConfigError, match="must be one of auto, mnist, fashion-mnist, kmnist, cifar10, digits, or a folder"
    ):
        load_dataset("minst")
