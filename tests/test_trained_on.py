"""``TrainedOn``: what a model file says of the images it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
from nets import small_net

from jitcnn import CNN, fit
from jitcnn.data.dataset import Dataset
from jitcnn.errors import CheckpointError
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.net.trained_on import TrainedOn, image_keys


@pytest.fixture
def data(rng):
    x = rng.integers(0, 256, (9, 1, 6, 6), np.uint8)
    y = np.arange(9) % 3
    return Dataset("few", "here", x[:6], y[:6], x[6:], y[6:], split={"seed": 4, "test_share": 0.3})


@pytest.fixture
def model(data):
    model = small_net()
    fit(model, data, epochs=1, batch_size=3)
    return model


def test_image_keys_depend_on_pixels_alone(rng):
    images = rng.integers(0, 256, (5, 3, 4, 2), np.uint8)
    keys = image_keys(images)
    assert (keys.shape, keys.dtype, len(set(keys.tolist()))) == ((5,), np.uint64, 5)
    np.testing.assert_array_equal(image_keys(images[[3, 1]]), keys[[3, 1]])
    np.testing.assert_array_equal(image_keys(np.asfortranarray(images)), keys)
    images[2, 0, 0, 0] ^= 1
    assert (image_keys(images) != keys).tolist() == [False, False, True, False, False]
    assert image_keys(images[:0]).shape == (0,)


def test_image_keys_are_those_of_earlier_versions():
    assert image_keys(np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)).tolist() == [11009417550903347706]


def test_fit_records_the_images_and_the_file_keeps_them(model, data, tmp_path):
    model.save(tmp_path / "net.npz")
    for record in (model.trained_on, CNN.load(tmp_path / "net.npz").trained_on):
        assert (record.name, record.split, record.evaluated_on) == ("few", {"seed": 4, "test_share": 0.3}, "test")
        assert record.has_seen(image_keys(data.x_train)).all()
        assert not record.has_seen(image_keys(data.x_test)).any()
        np.testing.assert_array_equal(record.held_out, np.sort(image_keys(data.x_test)))
    assert CNN.load(tmp_path / "net.npz").trained_on == model.trained_on
    assert model.trained_on.describe().startswith("few: 6 images, 3 held out (seed 4, test share 0.3), checksum ")


def test_checkpoint_keeps_the_record(data, tmp_path):
    fit(small_net(), data, epochs=1, checkpoint=tmp_path / "checkpoint.npz")
    assert CNN.load(tmp_path / "checkpoint.npz").trained_on.has_seen(image_keys(data.x_train)).all()


def test_second_training_adds_its_images(model, data):
    first = model.trained_on
    fit(model, replace(data, name="others", x_train=255 - data.x_train), epochs=1)
    assert (model.trained_on.name, model.trained_on.earlier) == ("others", ("few",))
    assert model.trained_on.has_seen(image_keys(np.concatenate([data.x_train, 255 - data.x_train]))).all()
    fit(model, data, epochs=1)
    assert model.trained_on.checksum == first.checksum
    assert "few, after few, others: 12 images" in model.trained_on.describe()


def test_checksum_depends_on_images_and_labels(data):
    def checksum(**changes):
        changed = replace(data, **changes)
        halves = changed.x_train, changed.y_train, changed.x_test
        return TrainedOn.of("any", halves, {}, "test").checksum

    assert checksum() == checksum(x_test=data.x_test[:0], y_test=data.y_test[:0])
    assert len({checksum(), checksum(x_train=data.x_train[::-1]), checksum(y_train=data.y_train[::-1])}) == 3


def test_loaded_weights_bring_their_record_and_class_names(model, tmp_path):
    model.class_names = ("ant", "bee", "cat")
    model.save(tmp_path / "net.npz")
    other = small_net(seed=3)
    other.load_weights(tmp_path / "net.npz")
    assert (other.trained_on, other.class_names) == (model.trained_on, ("ant", "bee", "cat"))


def test_file_of_an_earlier_version_has_no_record(model, tmp_path):
    header, _ = model.save(tmp_path / "net.npz") or read_checkpoint(tmp_path / "net.npz")
    del header["trained_on"]
    write_checkpoint(tmp_path / "old.npz", header, model.named_arrays())
    loaded = CNN.load(tmp_path / "old.npz")
    assert loaded.trained_on is None
    assert loaded.fingerprint() == model.fingerprint()


def test_split_of_any_values_can_be_saved(data, tmp_path):
    for split, kept in (
        ({"seed": np.int64(3), "test_share": 0.5, "by": "name", "at": object()}, {"seed": 3, "test_share": 0.5}),
        ({"seed": None, "test_share": 0.5, "folds": 4}, {"folds": 4}),
    ):
        model = small_net()
        fit(model, replace(data, split=split), epochs=1)
        model.save(tmp_path / "net.npz")
        assert CNN.load(tmp_path / "net.npz").trained_on.split == kept


FORGERIES = {
    "not a table": lambda header, arrays: header.update(trained_on=[1]),
    "no name": lambda header, arrays: header["trained_on"].pop("name"),
    "name": lambda header, arrays: header["trained_on"].update(name=3),
    "split": lambda header, arrays: header["trained_on"].update(split={"seed": "x"}),
    "negative seed": lambda header, arrays: header["trained_on"].update(split={"seed": -1, "test_share": 0.2}),
    "no seed": lambda header, arrays: header["trained_on"].update(split={"test_share": 0.2}),
    "no images": lambda header, arrays: arrays.pop("trained_on.images"),
    "dtype": lambda header, arrays: arrays.update({"trained_on.images": np.zeros(3)}),
    "shape": lambda header, arrays: arrays.update({"trained_on.held_out": np.zeros((2, 2), np.uint64)}),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_invalid_record_is_refused(case, model, tmp_path):
    model.save(tmp_path / "net.npz")
    header, arrays = read_checkpoint(tmp_path / "net.npz")
    FORGERIES[case](header, arrays)
    write_checkpoint(tmp_path / "net.npz", header, arrays)
    with pytest.raises(CheckpointError, match=r"net.npz is not a model file .*: its record of the training images"):
        CNN.load(tmp_path / "net.npz")
