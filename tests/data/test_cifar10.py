"""CIFAR-10: find, download, extract and read; the test files have two records each."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from jitcnn.data import cifar10, find_dataset, load_dataset
from jitcnn.data.cifar10 import FILES, FOLDER, fetch_cifar10, find_cifar10, read_cifar10
from jitcnn.errors import DataError

RECORDS = np.random.default_rng(3).integers(0, 256, (6, 2, 3073), np.uint8)
RECORDS[:, :, 0] = np.arange(12).reshape(6, 2) % 10


@pytest.fixture(autouse=True)
def _two_records_a_file(monkeypatch, empty_cache):
    monkeypatch.setattr(cifar10, "RECORDS", 2)


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in zip(FILES, RECORDS, strict=True):
        records.tofile(folder / name)


def archive():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as members:
        for name, records in zip(FILES, RECORDS, strict=True):
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = records.nbytes
            members.addfile(member, io.BytesIO(records.tobytes()))
    return packed.getvalue()


@pytest.fixture
def address(monkeypatch):
    """Server of a small archive that replaces the real one; /cut serves a truncated archive."""
    contents = archive()
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(contents).hexdigest())

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            served = contents[:500] if self.path == "/cut" else contents
            self.send_response(200)
            self.send_header("Content-Length", str(len(served)))
            self.end_headers()
            self.wfile.write(served)

        def log_message(self, *_):
            """Disable logging."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("below", [".", FOLDER])
def test_the_six_files_are_read_in_order(below, tmp_path):
    write(tmp_path / "data" / below)
    data, note = load_dataset("cifar10", tmp_path / "data")
    assert (data.x_train.shape, data.x_test.shape, note) == ((10, 3, 32, 32), (2, 3, 32, 32), "")
    assert (data.y_train.tolist(), data.y_test.tolist()) == (list(range(10)), [0, 1])
    np.testing.assert_array_equal(data.x_train[3, 2].ravel(), RECORDS[1, 1, 1 + 2048 :])
    assert data.class_names[3] == "cat"
    assert "not verified as original" in data.source


def test_environment_and_cache_are_searched(tmp_path, monkeypatch, empty_cache):
    assert find_dataset("cifar10") is None
    write(empty_cache / "cifar10" / FOLDER)
    assert find_cifar10() == empty_cache / "cifar10" / FOLDER
    write(tmp_path / "named" / FOLDER)
    monkeypatch.setenv("JITCNN_DATA_DIR", str(tmp_path / "named"))
    assert find_cifar10() == tmp_path / "named" / FOLDER


def test_downloaded_files_are_original_until_a_byte_changes(address, empty_cache):
    folder = fetch_cifar10(urls=[f"{address}/cut", f"{address}/whole"])
    assert folder == empty_cache / "cifar10" / FOLDER
    assert sorted(path.name for path in folder.parent.iterdir()) == [FOLDER]
    assert read_cifar10(folder).source.endswith(", original")
    assert fetch_cifar10(urls=["http://127.0.0.1:9/"]) == folder
    contents = bytearray((folder / FILES[0]).read_bytes())
    contents[5] ^= 1
    (folder / FILES[0]).write_bytes(contents)
    assert read_cifar10(folder).source.endswith("not verified as original")
    fetch_cifar10(urls=[f"{address}/whole"])
    assert read_cifar10(folder).source.endswith(", original")


def test_archive_with_wrong_checksum_is_rejected_and_deleted(address, empty_cache):
    with pytest.raises(DataError, match=r"could not be downloaded: .*is not the CIFAR-10 archive: expected MD5"):
        fetch_cifar10(urls=[f"{address}/cut"])
    assert list((empty_cache / "cifar10").iterdir()) == []


def test_archive_without_the_files_raises(address, tmp_path):
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    with pytest.raises(DataError, match=r"could not be extracted into .*data_batch_1.bin"):
        cifar10._unpack(tmp_path / "empty.tar.gz", tmp_path / "out")


def test_no_network_raises():
    with pytest.raises(DataError, match=r"did not answer within 1 s: put data_batch_1.bin to .* or run `jitcnn data"):
        fetch_cifar10(urls=["http://127.0.0.1:9/"], answer_within=1)


def test_folder_without_the_files_raises(tmp_path):
    with pytest.raises(DataError, match=r"Expected the six CIFAR-10 files .*: some are missing"):
        load_dataset("cifar10", tmp_path)
    with pytest.raises(DataError, match=r"data_batch_1.bin cannot be read: No such file"):
        read_cifar10(tmp_path)


def test_file_of_wrong_size_raises(tmp_path):
    write(tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(b"\0" * 100)
    with pytest.raises(
        DataError, match=r"test_batch.bin is not a CIFAR-10 file: expected 2 records of 3,073 bytes, got"
    ):
        read_cifar10(tmp_path)


def test_label_above_nine_raises(tmp_path):
    write(tmp_path)
    damaged = RECORDS[2].copy()
    damaged[1, 0] = 77
    damaged.tofile(tmp_path / "data_batch_3.bin")
    with pytest.raises(DataError, match=r"data_batch_3.bin is damaged: expected labels 0 to 9, got 77 in record 1"):
        read_cifar10(tmp_path)
