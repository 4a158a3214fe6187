"""Files that lie, break off or were tampered with: refused in a sentence, quickly, and without much memory."""

import io
import json
import os
import random
import resource
import struct
import tracemalloc
import zipfile
from time import process_time

import numpy as np
import pytest

from jitcnn import CNN, BatchNorm2D, Conv2D, Dense, Dropout, Flatten, ReLU, ResidualBlock
from jitcnn.errors import CheckpointError
from jitcnn.net.checkpoint import open_checkpoint, read_checkpoint, write_checkpoint

MUTATIONS = 2000


def small_net():
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(1, 2, 3, rng=rng), BatchNorm2D(2), ReLU(), ResidualBlock(2, 3, rng=rng), Dropout(0.2, rng), Flatten(),
        Dense(48, 3, rng=rng),
    ]  # fmt: skip
    return CNN(layers, input_shape=(1, 6, 6), name="small")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a model file."""
    path = tmp_path_factory.mktemp("whole") / "net.npz"
    small_net().save(path)
    return path.read_bytes()


def refused(path, message, seconds=1.0, megabytes=200):
    """Loading ends in a CheckpointError that says so, in little processor time and memory."""
    tracemalloc.start()
    start = process_time()
    try:
        with pytest.raises(CheckpointError, match=message):
            CNN.load(path)
        assert process_time() - start < seconds
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def packed(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, contents in members:
            archive.writestr(name, contents)


def described(path, text, arrays=None, **more):
    write_checkpoint(path, {"format": 3, "net": text, **more}, arrays or {"0.weights": np.zeros((1, 1), np.float32)})


# --- the format ---------------------------------------------------------------------------------------


def test_arrays_and_header_come_back(tmp_path, rng):
    arrays = {
        "a.b": rng.random((2, 3)), "c": np.asfortranarray(rng.random((3, 4)).astype(np.float32)), "one": np.array(7),
        "none": np.zeros((0, 5)),
    }  # fmt: skip
    write_checkpoint(tmp_path / "file", {"text": "é", "list": [1, None, 2**100]}, arrays)
    header, read = read_checkpoint(tmp_path / "file")
    assert header == {"text": "é", "list": [1, None, 2**100]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
        assert read[name].flags.writeable
    with np.load(tmp_path / "file") as archive:
        np.testing.assert_array_equal(archive["c"], arrays["c"], strict=True)


def test_columns_first_as_numpy_writes_them_are_read(tmp_path, rng):
    array = np.asfortranarray(rng.random((3, 4)))
    np.savez(tmp_path / "file.npz", header=np.array('{"format": 2}'), array=array)
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "file.npz")[1]["array"], array, strict=True)


def test_the_same_contents_give_the_same_bytes(whole, tmp_path):
    small_net().save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == whole


def test_only_what_is_asked_for_is_read(tmp_path):
    write_checkpoint(tmp_path / "file", {}, {"a": np.ones(2), "b": np.ones(3)})
    with open_checkpoint(tmp_path / "file") as file:
        assert file.specs == {"a": ((2,), np.float64), "b": ((3,), np.float64)}
        assert list(file.read(["b"])) == ["b"]


# --- what a file may claim ----------------------------------------------------------------------------

HUGE_NETS = {
    "dense": ('input_shape = [1000000]\n[[layer]]\nkind = "Dense"\nout_features = 1000000', "at most 1 weights, got shape .1000000, 1000000."),
    "convolution": ('[[layer]]\nkind = "Conv2D"\nin_channels = 1000\nout_channels = 1000\nkernel_size = 1000', "at most 1 weights"),
    "kernel": ('[[layer]]\nkind = "Conv2D"\nin_channels = 1\nout_channels = 1\nkernel_size = 1000000', "at most 1 weights"),
    "normalisation": ('[[layer]]\nkind = "BatchNorm2D"\nchannels = 1000000000000', "num_features must be at most 4,194,304"),
    "largest": ('[[layer]]\nkind = "BatchNorm2D"\nchannels = 4194304', "has more parameters than the file contains"),
    "features": ('[[layer]]\nkind = "Dense"\nin_features = 1000000000000\nout_features = 1', "in_features must be at most"),
    "input": ('input_shape = [1, 1000000, 1000000]\n[[layer]]\nkind = "Flatten"\n[[layer]]\nkind = "Dense"\nout_features = 1', "in_features must be at most"),
    "sum": ('[[layer]]\nkind = "BatchNorm2D"\nchannels = 2000000\n' * 1300, "has more parameters than the file contains"),
    "digits": (f'[[layer]]\nkind = "BatchNorm2D"\nchannels = 0x{"f" * 900}', "num_features must be at most"),
    "text": ("#\n" * 40_000, "its architecture is too long: an architecture has at most 65,536 characters, 1,000 per line"),
    "dots": ("a." * 30_000 + "b = 1", "its architecture is too long"),
    "unknown": ('[[layer]]\nkind = "Conv3D"', r"unknown layer 'Conv3D' \(did you mean 'Conv2D'\?\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", HUGE_NETS)
def test_a_net_of_too_many_parameters_is_refused(case, tmp_path):
    text, message = HUGE_NETS[case]
    described(tmp_path / "net.npz", text)
    refused(tmp_path / "net.npz", message)


def claiming(array, old, new):
    """An array in numpy's format whose first line claims another type or shape."""
    contents = npy(array)
    assert old in contents
    return contents.replace(old + b" " * (len(new) - len(old)), new)


HEADER_MEMBER = ("header.npy", npy(np.array(json.dumps({"format": 2, "net": ""}))))
CLAIMS = {
    "10¹² parameters": claiming(np.zeros(3), b"(3,), }             ", b"(1000000000000,), }"),
    "an object": claiming(np.zeros(3), b"'<f8'", b"'|O8'"),
    "an expression": claiming(np.zeros(3), b"(3,), }           ", b"(3 + 9 ** 9,), }"),
    "nothing": b"",
    "no array": b"PK\x05\x06" * 9,
    "a number of no kind": claiming(np.zeros(3), b"'<f8'", b"'<f7'"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_an_array_that_is_not_what_it_claims_is_refused(case, tmp_path):
    packed(tmp_path / "net.npz", [HEADER_MEMBER, ("0.weights.npy", CLAIMS[case])])
    refused(tmp_path / "net.npz", "is not a plain array|claims shape .1000000000000,. but has|data type '<f7'")


@pytest.mark.parametrize(
    "name", ["../evil.npy", "/etc/evil.npy", "a/b.npy", "C:\\evil.npy", "evil.py", "header.npy", "\n.npy"]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_of_a_strange_name_is_refused(name, tmp_path):
    packed(tmp_path / "net.npz", [HEADER_MEMBER, (name, npy(np.zeros(3)))])
    refused(tmp_path / "net.npz", "invalid member name")


def test_what_unpacks_to_more_is_refused(tmp_path):
    packed(tmp_path / "bomb.npz", [HEADER_MEMBER, ("0.weights.npy", b"\0" * 10**8)], zipfile.ZIP_DEFLATED)
    assert os.path.getsize(tmp_path / "bomb.npz") < 200_000
    refused(tmp_path / "bomb.npz", "a member is compressed")


def test_members_that_lie_over_each_other_are_refused(tmp_path):
    """A hundred names for the same hundred thousand bytes."""
    path = tmp_path / "net.npz"
    packed(path, [HEADER_MEMBER, ("a.npy", npy(np.zeros(12_500)))])
    with zipfile.ZipFile(path, "a") as archive:
        entry = archive.getinfo("a.npy")
        for k in range(100):
            copy = zipfile.ZipInfo(f"a{k}.npy")
            copy.file_size = copy.compress_size = entry.file_size
            copy.CRC, copy.header_offset = entry.CRC, entry.header_offset
            archive.filelist.append(copy)
        archive._didModify = True
    refused(path, "its members claim more bytes than the file has")


def test_a_size_beyond_the_file_is_refused(whole, tmp_path):
    """The directory at the end claims 2 GiB for its first member, packed and unpacked."""
    contents = bytearray(whole)
    place = contents.index(b"PK\x01\x02")
    contents[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
    (tmp_path / "net.npz").write_bytes(contents)
    refused(tmp_path / "net.npz", "its members claim more bytes than the file has")


HEADERS = {
    "nested": '{"a":' + "[" * 200_000 + "]" * 200_000 + "}",
    "digits": '{"format": ' + "9" * 5000 + "}",
    "no table": "[1]",
    "no JSON": "{",
    "other characters": "\0\ufffe",
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_is_none_is_refused(case, tmp_path):
    packed(tmp_path / "net.npz", [("header.npy", npy(np.array(HEADERS[case])))])
    refused(tmp_path / "net.npz", "is not a valid jitcnn model file")


def test_a_header_of_endless_length_is_refused(tmp_path):
    packed(tmp_path / "net.npz", [("header.npy", npy(np.array(" " * 5_000_000)))])
    refused(tmp_path / "net.npz", "its header is not text of at most 16,777,216 bytes")


def test_a_changed_array_is_found_even_where_the_zip_is_whole(whole, tmp_path):
    """Each member's CRC is made right again; the SHA-256 is not."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    changed = [(name, contents[:-1] + b"\7" if name == "0.bias.npy" else contents) for name, contents in members]
    packed(tmp_path / "net.npz", changed)
    refused(tmp_path / "net.npz", "its contents do not match its SHA-256")
    packed(tmp_path / "net.npz", members[:-1])
    refused(tmp_path / "net.npz", "its SHA-256 is missing")


# --- two thousand accidents ---------------------------------------------------------------------------


def mutated(whole, chance):
    """One accident: bytes changed, cut off, put in, repeated or exchanged."""
    contents = bytearray(whole)
    place = chance.randrange(len(contents))
    match chance.randrange(6):
        case 0:
            contents[place] ^= 1 << chance.randrange(8)
        case 1:
            for _ in range(chance.randrange(1, 30)):
                contents[chance.randrange(len(contents))] = chance.randrange(256)
        case 2:
            del contents[place:]
        case 3:
            del contents[place : place + chance.randrange(1, 50)]
        case 4:
            contents[place:place] = chance.randbytes(chance.randrange(1, 50))
        case 5:
            number = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
            contents[place : place + 4] = number
    return bytes(contents)


def loads_or_is_refused(path):
    """Whether it loads; anything but a CheckpointError is a failure, and so is a second's wait."""
    start = process_time()
    try:
        return CNN.load(path)
    except CheckpointError:
        return None
    finally:
        assert process_time() - start < 1


def test_every_accident_is_refused_or_changed_nothing(whole, tmp_path):
    expected = {name: array.tobytes() for name, array in small_net().named_arrays().items()}
    refusals, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(MUTATIONS):
        (tmp_path / "net.npz").write_bytes(mutated(whole, random.Random(seed)))
        loaded = loads_or_is_refused(tmp_path / "net.npz")
        if loaded is None:
            refusals += 1
            continue
        assert {name: array.tobytes() for name, array in loaded.named_arrays().items()} == expected, seed
        assert repr(loaded.layers) == repr(small_net().layers), seed
    assert refusals > MUTATIONS / 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_every_forgery_is_refused_or_loads(whole, tmp_path):
    """Accidents to the header, and to the first lines of arrays, of a file that has no checksum to find them."""
    net = small_net()
    header = json.dumps({**net.header(), "format": 2}).encode()
    arrays = {f"{name}.npy": npy(array) for name, array in net.named_arrays().items()}
    loads = 0
    for seed in range(MUTATIONS // 4):
        chance, members = random.Random(seed), dict(arrays)
        said = header
        if chance.random() < 0.8:
            said = mutated(header, chance)
        else:
            name = chance.choice([*arrays])
            members[name] = mutated(arrays[name], chance)
        text = npy(np.array(said.decode("latin-1")))
        packed(tmp_path / "net.npz", [("header.npy", text), *members.items()])
        loads += loads_or_is_refused(tmp_path / "net.npz") is not None
    assert 0 < loads < MUTATIONS / 4
