"""Downloads from a local server that simulates failures."""

import hashlib
import threading
from time import monotonic

import pytest
from data.test_mnist import CONTENTS

from jitcnn.data.fetch import fetch_file, mirrors_that_answer
from jitcnn.data.idx_sets import MNIST
from jitcnn.data.mnist import fetch_mnist, find_mnist, read_mnist
from jitcnn.errors import DataError


@pytest.fixture(autouse=True)
def _small_mnist(monkeypatch, empty_cache):
    for name, contents in CONTENTS.items():
        monkeypatch.setitem(MNIST.sha256, name, hashlib.sha256(contents).hexdigest())


class Progress:
    """Progress bar that records its calls."""

    def __init__(self):
        self.total, self.bytes = 0, 0

    def update(self, amount):
        self.bytes += amount

    def reset(self):
        self.bytes = 0

    def close(self):
        """Nothing to do."""


@pytest.mark.parametrize("bad", ["garbage", "short", "missing", "forbidden", "busy"])
def test_failing_mirror_is_skipped(bad, server, empty_cache):
    folder = fetch_mnist(mirrors=[f"{server}{bad}/", f"{server}good/"])
    assert find_mnist() == folder == empty_cache / "mnist"
    assert len(read_mnist(folder).x_train) == 3
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("bad", ["garbage", "short"])
def test_no_partial_file_enters_the_cache(bad, server, empty_cache):
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz could not be downloaded: http://127.0.0.1"):
        fetch_mnist(mirrors=[f"{server}{bad}/"])
    assert list((empty_cache / "mnist").iterdir()) == []


def test_redirects_are_followed(server):
    assert len(read_mnist(fetch_mnist(mirrors=[f"{server}moved/"])).x_train) == 3


def test_mirror_that_stalls_halfway_is_skipped(server, tmp_path):
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    urls = [f"{server}{manner}/{path.name}" for manner in ("silent", "good")]
    start = monotonic()
    fetch_file(urls, path, check=lambda path: None, timeout=0.3)
    assert monotonic() - start < 4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(DataError, match=r"could not be downloaded: http.*silent.*timed out"):
        fetch_file(urls[:1], tmp_path / "other.gz", check=lambda path: None, timeout=0.3)


def test_only_missing_files_are_downloaded_and_progress_is_reported(server):
    folder = fetch_mnist(mirrors=[f"{server}good/"])
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    before = (folder / "train-images-idx3-ubyte.gz").stat().st_mtime_ns
    progress = Progress()
    fetch_mnist(progress, mirrors=[f"{server}good/"])
    assert (folder / "train-images-idx3-ubyte.gz").stat().st_mtime_ns == before
    assert progress.bytes >= (folder / "t10k-labels-idx1-ubyte.gz").stat().st_size


def test_no_network_raises_without_delay(monkeypatch):
    start = monotonic()
    with pytest.raises(DataError, match="No MNIST mirror answered within 8 s"):
        fetch_mnist(mirrors=["http://127.0.0.1:9/"])
    assert monotonic() - start < 8


def test_hanging_name_server_is_abandoned_at_the_timeout(monkeypatch):
    import requests

    never = threading.Event()

    def hang(*_args, **_kwargs):
        never.wait(30)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", hang)
    start = monotonic()
    assert mirrors_that_answer(["http://example.invalid/"], seconds=0.3) == []
    assert monotonic() - start < 5
    never.set()


def test_unwritable_cache_raises(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written.*XDG_CACHE_HOME"):
        fetch_file([f"{server}good/t10k-labels-idx1-ubyte.gz"], tmp_path / "file" / "below", check=lambda path: None)
