"""Weights in safetensors files, with the names of torch and our own."""

import json
import struct
import sys

import numpy as np
import pytest

from jitcnn import (
    CNN,
    BatchNorm2D,
    CheckpointError,
    ConfigError,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ReLU,
    ResidualBlock,
)
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.gradcheck import standard_checks
from jitcnn.layers import Add, Layer
from jitcnn.layers.facts import as_if_trained

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
safetensors_numpy = pytest.importorskip("safetensors.numpy")

SHAPE = (3, 7, 6)


def layers(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    options = {"rng": rng, "dtype": dtype}
    chain = [
        Conv2D(3, 4, 3, padding=1, use_bias=False, **options),
        as_if_trained(BatchNorm2D(4, dtype=dtype), rng),
        ReLU(),
        as_if_trained(ResidualBlock(4, 5, 2, **options), rng),
        MaxPool2D(2),
        Flatten(),
        Dense(10, 6, **options),
        Dense(6, 2, **options),
    ]
    for layer in chain:
        for name, array in (layer.parameters() | layer.buffers()).items():
            value = rng.standard_normal(array.shape) if name.endswith("bias") else array
            layer.set_array(name, value.astype(dtype))
    return chain


def model(seed=0, dtype=np.float32, **around):
    return CNN(layers(seed, dtype), input_shape=SHAPE, name="net", **around)


def branched(seed=0):
    rng = np.random.default_rng(seed)
    chain = [Conv2D(3, 3, 3, padding=1, rng=rng), ReLU(), Add(), Flatten(), Dense(126, 2, rng=rng)]
    return CNN(chain, sources=[(-1,), (0,), (1, -1), (2,), (3,)], input_shape=SHAPE, name="net")


def arrays_equal(first, second):
    mine, theirs = first.named_arrays(), second.named_arrays()
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("build", [model, branched])
def test_torch_reads_what_is_written_as_its_state_dict(build, tmp_path):
    net = build()
    net.save_safetensors(tmp_path / "net.safetensors")
    written = safetensors_torch.load_file(tmp_path / "net.safetensors")
    expected = torch_twin(torch, net.graph).state_dict()
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], expected[name]) for name in expected)
    twin = torch_twin(torch, build(seed=1).graph)
    twin.load_state_dict(written)  # strict
    x = np.random.default_rng(2).standard_normal((2, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(twin.eval()(torch.from_numpy(x)).detach().numpy(), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [model, branched])
def test_a_state_dict_is_read_bit_for_bit(build, tmp_path):
    twin = torch_twin(torch, build().graph)
    safetensors_torch.save_file(twin.state_dict(), tmp_path / "net.safetensors")
    net = build(seed=1)
    net.load_safetensors(tmp_path / "net.safetensors")
    assert arrays_equal(net, build())


PROBES = {
    name: layer
    for name, layer, _ in standard_checks("auto")
    if isinstance(layer, Layer) and layer.parameters() and getattr(layer, "padding", 0) != "same"
}


@pytest.mark.parametrize("name", PROBES)
def test_names_and_shapes_of_every_layer_are_those_of_its_twin(name, tmp_path):
    net = CNN([PROBES[name]])
    twin = torch_twin(torch, net.graph).state_dict()
    net.save_safetensors(tmp_path / "net.safetensors")
    written = safetensors_torch.load_file(tmp_path / "net.safetensors")
    assert written.keys() == twin.keys()
    assert all(torch.equal(written[key], twin[key]) for key in twin)


@pytest.mark.parametrize("layout", ["torch", "jitcnn"])
def test_round_trip(layout, dtype, tmp_path):
    net = model(dtype=dtype, mean=(0.1, 0.2, 0.3), std=(1, 2, 3), class_names=("cat", "dog"))
    net.save_safetensors(tmp_path / "net.safetensors", layout)
    other = model(seed=1, dtype=dtype)
    other.load_safetensors(tmp_path / "net.safetensors")
    assert arrays_equal(net, other)
    assert (other.mean, other.std, other.class_names) == (net.mean, net.std, net.class_names)
    assert {array.dtype for array in other.arrays()} == {np.dtype(dtype)}


def test_own_names(tmp_path):
    model().save_safetensors(tmp_path / "net.safetensors", "jitcnn")
    names = [*safetensors_numpy.load_file(tmp_path / "net.safetensors")]
    assert {"conv1.weights", "norm1.running_mean", "block1.shortcut_conv.weights", "dense2.bias"} < {*names}


@pytest.mark.parametrize("layout", ["torch", "jitcnn"])
def test_views_are_written_in_their_own_order(layout, tmp_path):
    net = CNN([Dense(3, 2)])
    net.layers[0].weights = np.arange(6.0, dtype=np.float32).reshape(2, 3).T  # not contiguous
    net.save_safetensors(tmp_path / "net.safetensors", layout)
    other = CNN([Dense(3, 2)])
    other.load_safetensors(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(other.layers[0].weights, [[0, 3], [1, 4], [2, 5]])


def test_the_same_network_gives_the_same_bytes(tmp_path):
    files = [tmp_path / f"{k}.safetensors" for k in range(4)]
    for file in files:
        model(class_names=("cat", "dog")).save_safetensors(file)
    assert len({file.read_bytes() for file in files}) == 1


def state(**changes):
    """The state of the twin of ``model``, with changes."""
    return {**torch_twin(torch, model().graph).state_dict(), **changes}


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_dtypes_are_rounded_to_that_of_the_network(kind, tmp_path):
    converted = {name: value.to(getattr(torch, kind)) for name, value in state().items() if value.is_floating_point()}
    safetensors_torch.save_file(converted, tmp_path / "net.safetensors")
    net = model(seed=1)
    net.load_safetensors(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(net.layers[6].weights, converted["6.weight"].float().numpy().T)
    assert net.layers[6].weights.dtype == np.float32


@pytest.mark.parametrize("values", [torch.full((2,), 1e300, dtype=torch.float64), torch.tensor([float("nan"), 0])])
def test_values_that_are_not_finite_are_refused(values, tmp_path):
    safetensors_torch.save_file(state(**{"7.bias": values}), tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"7\.bias is not finite as float32"):
        model().load_safetensors(tmp_path / "net.safetensors")


def test_integers_are_refused(tmp_path):
    safetensors_torch.save_file(state(**{"7.bias": torch.tensor([1, 2])}), tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"7\.bias has dtype I64, expected one of F64, F32, F16, BF16"):
        model().load_safetensors(tmp_path / "net.safetensors")


def test_all_kinds_of_differences_are_named_at_once(tmp_path):
    arrays = state(**{"7.bias": torch.zeros(3), "9.weight": torch.zeros(1)})
    del arrays["0.weight"]
    safetensors_torch.save_file(arrays, tmp_path / "net.safetensors")
    net = model()
    before = net.fingerprint()
    message = (
        r"does not fit net: missing 0\.weight \(4, 3, 3, 3\); unexpected 9\.weight \(1,\); "
        r"of another shape 7\.bias \(3,\) instead of \(2,\)\.$"
    )
    with pytest.raises(CheckpointError, match=message):
        net.load_safetensors(tmp_path / "net.safetensors")
    assert net.fingerprint() == before


def test_long_lists_of_differences_are_cut(tmp_path):
    model().save_safetensors(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"missing 0\.bias \(9,\); unexpected 1\..* and \d+ more; of"):
        CNN([Dense(9, 9), Dense(9, 9)], name="other").load_safetensors(tmp_path / "net.safetensors")


METADATA = {
    "text": '{"mean": "0"}', "not JSON": "{", "a list": "[]", "names of numbers": '{"class_names": [1, 2]}',
    "a negative std": '{"mean": [0], "std": [-1]}', "three classes": '{"class_names": ["a", "b", "c"]}',
}  # fmt: skip


@pytest.mark.parametrize("kind", METADATA)
def test_damaged_metadata_is_refused_and_changes_nothing(kind, tmp_path):
    safetensors_torch.save_file(state(), tmp_path / "net.safetensors", {"jitcnn": METADATA[kind]})
    net = model(seed=1)
    before = net.fingerprint(), net.mean, net.class_names
    with pytest.raises(CheckpointError):
        net.load_safetensors(tmp_path / "net.safetensors")
    assert (net.fingerprint(), net.mean, net.class_names) == before


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HOSTILE = {
    "empty": b"",
    "a huge header": struct.pack("<Q", 1 << 62) + b"{}",
    "a header of 16 MiB": file_of(b'{"__metadata__": {"a": "' + b"x" * (1 << 24) + b'"}}'),
    "not JSON": file_of(b"{{{"),
    "deep": file_of(b"[" * 100_000),
    "overlap": file_of({"0.weight": entry([2, 3], 0, 24), "0.bias": entry([2], 20, 28)}, bytes(28)),
    "outside": file_of({"0.weight": entry([2, 3], 0, 24), "0.bias": entry([2], 24, 32)}, bytes(28)),
    "wrong size": file_of({"0.weight": entry([2, 3], 0, 28)}, bytes(28)),
    "huge shape": file_of({"0.weight": entry([1 << 40, 1 << 40], 0, 24)}, bytes(24)),
    "unknown dtype": file_of({"0.weight": entry([2, 3], 0, 24, "F99")}, bytes(24)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_damaged_files_are_refused(kind, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(CheckpointError, match=r"is not a safetensors file for net: .*; save the weights again"):
        CNN([Dense(3, 2)], name="net").load_safetensors(path)


def test_truncated_files_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    model().save_safetensors(path)
    contents = path.read_bytes()
    for size in (*range(0, len(contents), 97), len(contents) - 1):
        path.write_bytes(contents[:size])
        with pytest.raises(CheckpointError):
            model().load_safetensors(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"Expected a safetensors file at .*, found none"):
        model().load_safetensors(tmp_path / "net.safetensors")


def test_an_unknown_layout(tmp_path):
    with pytest.raises(ConfigError, match="layout must be one of torch, jitcnn, got 'keras'"):
        model().save_safetensors(tmp_path / "net.safetensors", "keras")


def test_an_existing_file_is_kept_if_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    model().save_safetensors(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        CheckpointError, match=r"could not be written to .*No space left on device.*existing file is kept"
    ):
        model(seed=1).save_safetensors(path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("length", [0x280, 0x4 << 8 | 0x80])
def test_a_header_whose_length_starts_as_a_pickle_does(length, tmp_path):
    header = json.dumps({"weight": entry([2, 3], 0, 24), "bias": entry([2], 24, 32)}).ljust(length).encode()
    (tmp_path / "net.safetensors").write_bytes(file_of(header, bytes(32)))
    net = CNN([Dense(3, 2)])
    net.load_safetensors(tmp_path / "net.safetensors")
    assert not net.layers[0].weights.any()


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ConfigError, match=r"needs the package safetensors, .* `pip install jitcnn\[interchange\]`"):
        model().save_safetensors(tmp_path / "net.safetensors")
