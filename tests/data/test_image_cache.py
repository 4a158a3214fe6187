"""Decoded images are kept in the user cache: found again, built anew when anything differs, and never wrong."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import cache_folder, cache_key, folder_images, image_cache, image_store, load_folder
from jitcnn.data.cache_folder import cache_info, cache_limit, clear_cache
from jitcnn.errors import ConfigError, DataError
from jitcnn.support.image_rows import ImageRows


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache that also takes small sets, and does not wait until files are old."""
    monkeypatch.setenv("JITCNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("JITCNN_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(image_cache, "FROM_FILES", 1)
    monkeypatch.setattr(cache_key, "RECENT", 0)
    monkeypatch.setattr(image_store, "SPARE", 0)
    return tmp_path / "cache" / "images"


@pytest.fixture
def noise(tmp_path, rng):
    """Sixteen pictures of noise in two classes."""
    for k in range(16):
        folder = tmp_path / "noise" / "ab"[k % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30 + k, 40, 3), np.uint8)).save(folder / f"{k:02}.bmp")
    return tmp_path / "noise"


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded."""
    files = []
    read = image_cache.FileReader.read

    def spy(self, path):
        files.append(path.name)
        return read(self, path)

    monkeypatch.setattr(image_cache.FileReader, "read", spy)
    return files


def same(first, second):
    """Whether two results of load_folder are the same, bit for bit."""
    for name in ("x_train", "y_train", "x_test", "y_test", "x_validation", "y_validation"):
        one, other = (getattr(data, name) for data, _ in (first, second))
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert first[0].value_ranges == second[0].value_ranges
    assert first[1] == second[1]
    return True


def images_in(cache):
    return sorted(cache.glob("*.images"))


def test_second_start_decodes_nothing_and_gets_the_same_bits(noise, cache, decoded, monkeypatch):
    first = load_folder(noise)
    assert (len(decoded), len(images_in(cache))) == (16, 1)
    second = load_folder(noise)
    assert len(decoded) == 16
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", "0")
    assert same(first, second)
    assert same(second, load_folder(noise))
    assert len(decoded) == 32


def test_small_folders_are_not_kept(noise, cache, monkeypatch):
    monkeypatch.setattr(image_cache, "FROM_FILES", 17)
    load_folder(noise)
    assert not cache.exists()
    monkeypatch.setattr(image_cache, "FROM_BYTES", 1000)
    load_folder(noise)
    assert len(images_in(cache)) == 1


def test_another_seed_or_share_takes_the_same_images(noise, cache, decoded):
    first, _ = load_folder(noise)
    other, _ = load_folder(noise, seed=1, test_share=0.5)
    assert (len(decoded), len(other.x_test)) == (16, 8)
    assert sorted(map(bytes, np.concatenate([first.x_train, first.x_test]))) == sorted(
        map(bytes, np.concatenate([other.x_train, other.x_test]))
    )


@pytest.mark.parametrize(
    ("settings", "shape"),
    [({"image_size": 9}, (3, 9, 9)), ({"image_size": (32, 31)}, (3, 32, 31)), ({"channels": 1}, (1, 28, 28))],
)
def test_other_settings_are_decoded_anew(settings, shape, noise, cache, decoded):
    load_folder(noise)
    data, _ = load_folder(noise, **settings)
    assert (len(decoded), len(images_in(cache))) == (32, 2)
    assert data.image_shape == shape


def test_another_decoder_is_not_trusted(noise, cache, decoded, monkeypatch):
    load_folder(noise)
    monkeypatch.setattr(cache_key, "decoder_versions", lambda: ("Pillow 99",))
    load_folder(noise)
    assert len(decoded) == 32


def test_edited_file_is_noticed_even_with_the_same_size_and_time(noise, cache, decoded):
    before, _ = load_folder(noise)
    file = noise / "a" / "00.bmp"
    stat = file.stat()
    with open(file, "r+b") as opened:
        opened.seek(1000)
        opened.write(bytes(2000))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    after, _ = load_folder(noise)
    assert len(decoded) == 32
    assert (np.asarray(before.x_train) != np.asarray(after.x_train)).any() or (before.x_test != after.x_test).any()


def test_recent_files_are_read_again_as_a_clock_may_be_coarse(noise, cache, monkeypatch):
    read = []
    digest = cache_key._digest
    monkeypatch.setattr(cache_key, "_digest", lambda path: (read.append(path), digest(path))[1])
    load_folder(noise)
    load_folder(noise)
    assert len(read) == 16
    monkeypatch.setattr(cache_key, "RECENT", 10**12)
    load_folder(noise)
    assert len(read) == 32


def test_moved_touched_and_renamed_files_are_recognised(noise, cache, decoded, tmp_path):
    first = load_folder(noise)
    os.utime(noise / "a" / "00.bmp")
    (noise / "b" / "15.bmp").rename(noise / "b" / "last.bmp")
    shutil.move(noise, tmp_path / "moved" / "noise")
    second = load_folder(tmp_path / "moved" / "noise")
    assert len(decoded) == 16
    assert same(first, second)


def test_added_and_removed_files_are_noticed(noise, cache, decoded):
    load_folder(noise)
    shutil.copy(noise / "a" / "00.bmp", noise / "a" / "99.bmp")
    assert len(load_folder(noise)[0].x_train) == 13  # of 9 and 8, 2 each are for testing
    (noise / "a" / "99.bmp").unlink()
    load_folder(noise)
    assert len(decoded) == 16 + 17


def damage_nothing_but_a_pixel(file):
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)


def damage_the_description(file):
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_nothing_but_a_pixel,
        damage_the_description,
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"a foreign file" * 1000),
        lambda file: file.write_bytes(file.read_bytes() + b"more"),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["pixel", "description", "last byte", "half", "empty", "foreign", "longer", "folder"],
)
def test_damaged_file_is_built_anew(damage, noise, cache, decoded):
    first = load_folder(noise)
    (file,) = images_in(cache)
    damage(file)
    second = load_folder(noise)
    assert len(decoded) == 32 or file.is_dir()
    assert second[1].startswith(first[1])
    np.testing.assert_array_equal(first[0].x_train, second[0].x_train)
    if file.is_file():
        assert same(first, load_folder(noise))
        assert len(decoded) == 32


def test_damaged_digests_are_taken_anew(noise, cache, decoded):
    first = load_folder(noise)
    (index,) = cache.glob("*.digests")
    for content in (b"", b"foreign" * 100, index.read_bytes()[:-1]):
        index.write_bytes(content)
        assert same(first, load_folder(noise))
    assert len(decoded) == 16


def test_broken_files_are_named_and_skipped_from_the_cache_too(noise, cache, decoded):
    (noise / "a" / "05.png").write_text("no picture")
    for _ in range(2):
        with pytest.raises(DataError, match=r"05\.png is not a readable image"):
            load_folder(noise)
    assert decoded.count("00.bmp") == 1
    first, second = (load_folder(noise, skip_broken=True) for _ in range(2))
    assert same(first, second)
    assert (len(first[0].x_train) + len(first[0].x_test), "1 broken image skipped" in first[1]) == (16, True)
    assert decoded.count("00.bmp") == 1


def test_images_with_more_bits_get_the_same_range_from_the_cache(tmp_path, cache, decoded, rng):
    for k in range(8):
        folder = tmp_path / "deep" / "ab"[k % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 4096, (20, 20), np.uint16)).save(folder / f"{k}.png")
    first, second = (load_folder(tmp_path / "deep") for _ in range(2))
    assert same(first, second)
    assert first[0].value_ranges == {"integer": (0, 4095)}
    other, _ = load_folder(tmp_path / "deep", value_ranges={"integer": (0.0, 65535.0)})
    assert other.x_train.max() < 20
    assert len(images_in(cache)) == 2


def test_mixed_images_raise_and_leave_no_file(noise, cache):
    Image.new("L", (20, 20), 7).save(noise / "b" / "grey.png")
    for _ in range(2):
        with pytest.raises(DataError, match="mixes 1 greyscale and 16 colour images"):
            load_folder(noise)


def test_folder_that_cannot_be_written_means_no_cache(noise, cache, decoded, monkeypatch, tmp_path):
    expected = load_folder(noise)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JITCNN_CACHE_DIR", str(tmp_path / "file"))
    found, note = load_folder(noise)
    assert (
        note
        == f"{expected[1]}; decoded images not kept in the cache: {os.strerror(errno.ENOTDIR)} ({cache_folder.images_folder()})"
    )
    np.testing.assert_array_equal(found.x_train, expected[0].x_train)


@pytest.mark.parametrize("place", [1, 9, 17, 18], ids=["begin", "middle", "last", "description"])
def test_full_disk_means_no_cache(place, noise, cache, monkeypatch):
    expected = load_folder(noise)
    clear_cache()
    write, calls = os.write, []

    def full(number, content):
        calls.append(number)
        if len(calls) >= place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(number, content)

    monkeypatch.setattr(image_store.os, "write", full)
    found, note = load_folder(noise)
    assert note == f"{expected[1]}; decoded images not kept in the cache: {os.strerror(errno.ENOSPC)}"
    np.testing.assert_array_equal(found.x_train, expected[0].x_train)
    assert cache_info().sets == 0


def test_disk_that_is_almost_full_stays_as_it_is(noise, cache, monkeypatch):
    monkeypatch.setattr(image_store, "SPARE", 10**18)
    assert "decoded images not kept in the cache: only " in load_folder(noise)[1]
    assert images_in(cache) == []


def test_set_above_the_limit_is_not_kept(noise, cache, monkeypatch):
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", "40 KB")
    assert load_folder(noise)[1].endswith("not kept in the cache: they take 0 MB, its limit is 0 MB")
    assert images_in(cache) == []


def test_sets_used_least_recently_are_deleted_above_the_limit(noise, cache, decoded, monkeypatch):
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", "130 KB")  # two sets of 16·3·32·32 bytes and their descriptions
    load_folder(noise)
    load_folder(noise, image_size=(31, 32))
    first, second = sorted(images_in(cache), key=lambda file: file.stat().st_size, reverse=True)
    now = time.time()
    os.utime(first, (now - 100, now - 100))
    os.utime(second, (now - 50, now - 50))
    load_folder(noise)  # is the one used last now
    load_folder(noise, image_size=(32, 31))
    assert first.exists()
    assert not second.exists()
    assert len(images_in(cache)) == 2
    assert len(decoded) == 48


def test_files_changed_while_they_are_read_are_not_kept(noise, cache, monkeypatch):
    read = image_cache.FileReader.read

    def edit(self, path):
        if path.name == "15.bmp":
            (noise / "a" / "00.bmp").touch()
        return read(self, path)

    monkeypatch.setattr(image_cache.FileReader, "read", edit)
    data, note = load_folder(noise)
    assert note.endswith("not kept in the cache: files changed while they were read")
    assert images_in(cache) == []
    assert data.x_train.any(axis=(1, 2, 3)).all()


def test_concurrent_starts_get_the_same_images(noise, cache):
    script = (
        "import sys; from jitcnn.data import load_folder, image_cache; image_cache.FROM_FILES = 1; print(flush=True)\n"
        f"for k in range(20): data, note = load_folder({str(noise)!r}, image_size=16 + k)\n"
        "sys.stdout.buffer.write(data.x_train.tobytes())"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()  # both begin now
    for k in range(20):
        data, _ = load_folder(noise, image_size=16 + k)
    assert process.communicate()[0] == data.x_train.tobytes()
    assert len(images_in(cache)) == 20
    assert [file for file in cache.iterdir() if file.name.startswith(".")] == []


def test_threads_that_load_at_once_get_the_same_images(noise, cache):
    results = []
    threads = [threading.Thread(target=lambda: results.append(load_folder(noise))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(results[0], other) for other in results[1:])
    assert len(results) == 4


def test_cache_that_is_cleared_at_the_wrong_moment_is_no_error(noise, cache, monkeypatch):
    monkeypatch.setattr(image_cache, "open_images", lambda *_, **__: None)
    data, note = load_folder(noise)
    assert note.endswith("not kept in the cache: it was cleared by another process")
    assert data.x_train.any(axis=(1, 2, 3)).all()


def test_large_sets_stay_in_their_file(noise, cache, monkeypatch):
    expected = load_folder(noise)
    assert type(expected[0].x_train) is np.ndarray
    monkeypatch.setattr(folder_images, "HELD_IN_MEMORY", 0)
    found = load_folder(noise)
    assert isinstance(found[0].x_train, ImageRows)
    assert isinstance(found[0].x_train.base, np.memmap)
    assert same(expected, found)


def test_progress_counts_all_images_with_and_without_the_cache(noise, cache):
    class Counter:
        total = done = closed = 0

        def update(self, amount):
            self.done += amount

        def reset(self):
            self.done = 0

        def close(self):
            self.closed += 1

    for _ in range(2):
        counter = Counter()
        load_folder(noise, progress=counter)
        assert (counter.total, counter.done, counter.closed) == (16, 16, 1)


def test_info_counts_and_clear_deletes(noise, cache):
    assert (cache_info().sets, cache_info().size, cache_info().folder) == (0, 0, cache)
    load_folder(noise)
    old = cache / ".x.images-left"
    old.write_text("of a killed process")
    os.utime(old, (0, 0))
    (cache / "notes.txt").write_text("mine")
    held = cache_info()
    assert held.sets == 1
    assert held.size > 16 * 3 * 32 * 32
    removed = clear_cache()
    assert (removed.sets, removed.size) == (held.sets, held.size)
    assert [file.name for file in cache.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 20 * 10**9), ("0", 0), ("500 MB", 5 * 10**8), ("1.5g", 15 * 10**8), ("2TB", 2 * 10**12), ("7", 7)],
)
def test_limit_is_a_size(text, size, monkeypatch):
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", text)
    assert cache_limit() == size


def test_limit_that_is_no_size_raises(noise, cache, monkeypatch):
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", "much")
    with pytest.raises(
        ConfigError, match="JITCNN_CACHE_LIMIT must be a size such as 500 MB or 20 GB, or 0 for no cache, got 'much'"
    ):
        load_folder(noise)


def test_cache_is_in_the_user_cache_by_default(monkeypatch, empty_cache):
    monkeypatch.delenv("JITCNN_CACHE_DIR", raising=False)
    assert cache_folder.images_folder() == empty_cache / "images"
