"""ImageRows: reads as the array that indexing would give, without copying it."""

import mmap

import numpy as np
import pytest

from jitcnn import CNN, Dataset, Dense, Flatten, evaluate, fit
from jitcnn.data import leave_out_trained, match_data, repeated_images
from jitcnn.data.batches import minibatches
from jitcnn.data.matching import number_classes
from jitcnn.functional.pixels import normalise
from jitcnn.net.trained_on import image_keys
from jitcnn.support import image_rows
from jitcnn.support.image_rows import ImageRows, blocks, is_mapped, join_rows, take_rows

INDEX = np.array([7, 2, 2, 0, 11, 5])


@pytest.fixture
def base(tmp_path, rng):
    """Twelve images (3, 4, 5) in a memory-mapped file."""
    images = rng.integers(0, 256, (12, 3, 4, 5), np.uint8)
    np.save(tmp_path / "images.npy", images)
    return np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.mark.parametrize(
    "key",
    [
        0, -1, np.int64(2), slice(2, 5), slice(None, None, -2), [3, 1], np.array([0, 0]), np.arange(6) % 2 == 0, (slice(0, 2), 1),
        (2, 1), (2, slice(None), 3), ([1, 4], 0, slice(1, 3)), (slice(None), slice(None), slice(None), slice(None, None, -1)),
        Ellipsis, (Ellipsis, 0), slice(0, 0),
    ],
)  # fmt: skip
def test_indexing_gives_what_the_array_gives(key, base):
    expected = np.asarray(base[INDEX])[key]
    found = ImageRows(base, INDEX)[key]
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, expected)
    assert found.shape == expected.shape


def test_facts_are_those_of_the_array(base):
    rows, array = ImageRows(base, INDEX), np.asarray(base)[INDEX]
    for name in ("shape", "dtype", "ndim", "size", "nbytes"):
        assert getattr(rows, name) == getattr(array, name)
    assert len(rows) == 6
    assert repr(rows) == "<ImageRows (6, 3, 4, 5), uint8>"


def test_numpy_reads_it_as_an_array(base):
    rows, array = ImageRows(base, INDEX), np.asarray(base)[INDEX]
    np.testing.assert_array_equal(np.asarray(rows, np.float64), array)
    np.testing.assert_array_equal(np.stack([*rows]), array)
    np.testing.assert_array_equal(rows / 255, array / 255)
    np.testing.assert_array_equal(255 - rows, 255 - array)
    assert (rows == array).all()
    assert np.mean(rows) == array.mean()
    with pytest.raises(ValueError, match="ImageRows has no array without a copy"):
        np.asarray(rows, copy=False)


def test_only_arrays_of_files_are_mapped(base, rng):
    assert is_mapped(base)
    assert is_mapped(base[2:5])
    assert is_mapped(np.asarray(base).reshape(12, -1))
    assert is_mapped(ImageRows(np.zeros((2, 1, 1, 1)), np.arange(2)))
    assert not is_mapped(base[[1, 2]])
    assert not is_mapped(np.zeros(3))


@pytest.mark.parametrize("index", [slice(3), np.array([5, 0]), np.arange(12) > 6])
def test_rows_of_a_file_are_taken_without_reading_them(index, base):
    taken = take_rows(base, index)
    assert is_mapped(taken)
    np.testing.assert_array_equal(np.asarray(taken), np.asarray(base)[index])
    again = take_rows(taken, slice(1, 3))
    assert isinstance(again, (ImageRows, np.memmap))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(base)[index][1:3])


def test_rows_of_an_array_in_memory_are_an_array(base):
    assert type(take_rows(np.array(base), [1, 2])) is np.ndarray


def test_rows_of_one_file_are_joined_without_reading_them(base):
    both = join_rows(ImageRows(base, INDEX[:2]), ImageRows(base, INDEX[2:]))
    assert isinstance(both, ImageRows)
    np.testing.assert_array_equal(np.asarray(both), base[INDEX])
    np.testing.assert_array_equal(
        join_rows(ImageRows(base, INDEX), np.array(base)), np.concatenate([base[INDEX], base])
    )


def test_blocks_cover_all_images_in_the_order_of_the_file(base, monkeypatch):
    monkeypatch.setattr(image_rows, "BLOCK", 130)  # two images
    for images in (base, ImageRows(base, INDEX), np.asfortranarray(base)):
        found, places = np.zeros(images.shape, np.uint8), []
        for where, some in blocks(images):
            assert some.flags.c_contiguous
            assert len(some) <= 2
            found[where] = some
            places += [] if isinstance(where, slice) else images.index[where].tolist()
        np.testing.assert_array_equal(found, np.asarray(images))
        assert places == sorted(places)


def test_normalised_and_hashed_as_the_array(base):
    rows, array = ImageRows(base, INDEX), np.asarray(base)[INDEX]
    np.testing.assert_array_equal(normalise(rows, (0.5,), (0.2,)), normalise(array, (0.5,), (0.2,)))
    np.testing.assert_array_equal(normalise(rows, chosen=np.array([5, 0])), normalise(array, chosen=np.array([5, 0])))
    np.testing.assert_array_equal(normalise(base[:, :, ::-1]), normalise(np.asarray(base)[:, :, ::-1]))
    np.testing.assert_array_equal(image_keys(rows), image_keys(array))


def twins(base):
    """The same data from a file and from memory, with validation images."""
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 0, 2, 0, 1, 1])
    parts = [np.array([7, 1, 2, 0, 11, 5]), np.array([3, 4, 6]), np.array([8, 9, 10])]
    for take in (lambda rows: ImageRows(base, rows), lambda rows: np.asarray(base)[rows]):
        x, y = [take(rows) for rows in parts], [labels[rows] for rows in parts]
        yield Dataset(
            "twin", "drawn", x[0], y[0], x[1], y[1], ("a", "b", "c"), x_validation=x[2], y_validation=y[2],
            split={"seed": 0, "test_share": 0.5},
        )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.limited(2), lambda data: data.validation(), lambda data: data.validation(2),
        lambda data: number_classes(data, ("c", "a")), lambda data: data.validation(0.3),
    ],
)  # fmt: skip
def test_data_sets_of_a_file_change_as_those_in_memory_and_stay_there(change, base):
    mapped, memory = map(change, twins(base))
    assert is_mapped(mapped.x_train)
    assert is_mapped(mapped.x_test)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(np.asarray(getattr(mapped, name)), getattr(memory, name))
    assert (mapped.identity(), mapped.statistics()) == (memory.identity(), memory.statistics())
    assert repeated_images(mapped) == repeated_images(memory)


def test_classes_of_validation_images_are_numbered_too(base):
    changed = number_classes(next(twins(base)), ("c", "b", "a"))
    assert changed.y_validation.tolist() == [0, 2, 1]


def net():
    return CNN(
        [Flatten(), Dense(60, 3, rng=np.random.default_rng(0))], input_shape=(3, 4, 5), class_names=("a", "b", "c")
    )


def test_trained_and_evaluated_to_the_same_bits(base):
    models = []
    for data in twins(base):
        model = net()
        fit(model, data, epochs=3, batch_size=4)
        models.append(model)
        assert evaluate(model, data.x_test, data.y_test).total == 3
        assert match_data(data, model)[1] == []
    assert models[0].fingerprint() == models[1].fingerprint()
    assert models[0].trained_on.checksum == models[1].trained_on.checksum


def test_images_trained_on_are_left_out_without_reading_all(base):
    mapped, memory = twins(base)
    model = net()
    fit(model, memory, epochs=1)
    swapped = Dataset(
        "twin",
        "drawn",
        mapped.x_test,
        mapped.y_test,
        mapped.x_train,
        mapped.y_train,
        mapped.class_names,
        split=mapped.split,
    )
    found, note = leave_out_trained(swapped, model)
    assert "the test images are the 3 of 9" in note
    assert isinstance(found.x_test, ImageRows)
    np.testing.assert_array_equal(found.x_test, memory.x_test)


def test_float_images_of_a_file_are_batches_too(tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.random((5, 1, 2, 2), np.float32))
    images = take_rows(np.load(tmp_path / "x.npy", mmap_mode="r"), np.array([4, 2, 0]))
    ((x, _),) = minibatches(images, np.arange(3), 8)
    np.testing.assert_array_equal(x, np.asarray(images))
    assert type(x) is np.ndarray


class Spied(mmap.mmap):
    """A map that records what the system is asked to read."""

    def madvise(self, option, start=0, length=None):
        if option == mmap.MADV_WILLNEED:
            self.asked.append((start, length))
        super().madvise(option, start, *([] if length is None else [length]))


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="the system takes no advice")
def test_system_is_asked_for_the_pages_of_the_images_and_no_others(tmp_path, monkeypatch):
    page = mmap.PAGESIZE
    (tmp_path / "x").write_bytes(bytes(page + 10 * 2 * page + 100))
    with open(tmp_path / "x", "rb") as file:
        opened = Spied(file.fileno(), 0, access=mmap.ACCESS_READ)
    opened.asked = []
    images = np.frombuffer(opened, np.uint8, 10 * 2 * page, page + 100).reshape(10, 1, 2, page)  # not at a page
    image_rows.will_need(ImageRows(images, np.array([7, 3, 0, 1, 9])), np.array([0, 2, 3, 2]))  # 7, 0, 1, 0
    assert opened.asked == [(page, 4 * page + 100), (15 * page, 2 * page + 100)]
    opened.asked.clear()
    monkeypatch.setattr(image_rows, "PIECE", page)
    image_rows.will_need(images, 4)
    assert opened.asked == [(9 * page, page), (10 * page, page), (11 * page, 100)]


def test_arrays_in_memory_need_no_reading(rng):
    assert image_rows.will_need(rng.random((3, 1, 2, 2)), np.array([0, 2])) is None
