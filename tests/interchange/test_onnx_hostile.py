"""Damaged and hostile ONNX files: a CheckpointError, before anything large is allocated."""

import os
import tracemalloc

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn.errors import CheckpointError, ConfigError, JitCNNError

pytest.importorskip("onnx")
from onnx import ModelProto, TensorProto, helper
from onnx_graphs import import_net, model, node, write

MOST_BYTES = 40_000_000  # each file is smaller than 7 MB
WEIGHTS = np.ones((2, 3, 1, 1), np.float32)


@pytest.fixture(autouse=True)
def bounded_memory():
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES


def conv(change=None):
    """A convolution, with ``change`` applied to its weights."""
    proto = model([node("Conv", "x w", "y")], arrays={"w": WEIGHTS})
    if change is not None:
        change(proto.graph.initializer[0])
    return proto


def refuse(folder, proto, reason):
    with pytest.raises(CheckpointError, match=reason):
        CNN.from_onnx(write(folder, proto))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected 1 to 2,147,483,647 bytes, got 0"),
        (b"PK\x03\x04 no protobuf", "cannot be parsed as protobuf"),
        (b"\x00" * 1000, "cannot be parsed as protobuf"),
        (b"{'ir_version': 8}\n", "not an ONNX file"),
        (ModelProto(ir_version=8).SerializeToString(), "contains no graph of ONNX operators"),
    ],
)
def test_other_file_is_refused(content, reason, tmp_path):
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=reason):
        CNN.from_onnx(tmp_path / "net.onnx")


def test_large_file_is_refused_unread(tmp_path):
    with (tmp_path / "net.onnx").open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(CheckpointError, match="got 2,147,483,648"):
        CNN.from_onnx(tmp_path / "net.onnx")


def test_each_truncated_or_changed_file_is_refused_or_read(tmp_path):
    """No other error than those of jitcnn, wherever the file ends and whichever byte is changed."""
    content, path, rng = conv().SerializeToString(), tmp_path / "net.onnx", np.random.default_rng(0)
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= int(rng.integers(1, 256))
        for hostile in (content[:position], bytes(changed)):
            path.write_bytes(hostile)
            try:
                CNN.from_onnx(path)
            except JitCNNError:
                refused += 1
    assert refused > len(content)


def test_truncated_tensor_is_refused(tmp_path):
    def cut(tensor):
        tensor.raw_data = tensor.raw_data[:-4]

    refuse(tmp_path, conv(cut), r"tensor 'w' of shape \(2, 3, 1, 1\) has 20 bytes, expected 24")


def test_tensor_without_data_is_refused(tmp_path):
    refuse(tmp_path, conv(lambda tensor: tensor.ClearField("raw_data")), "has 0 numbers, expected 6")


@pytest.mark.parametrize("dims", [(1 << 40, 1), (1 << 30,) * 8, (-2, -3), (1,) * 200])
def test_huge_or_negative_tensor_is_refused(dims, tmp_path):
    def change(tensor):
        tensor.dims[:] = dims

    refuse(tmp_path, conv(change), "is damaged: tensor 'w'")


def test_string_tensor_is_refused(tmp_path):
    def change(tensor):
        tensor.data_type = TensorProto.STRING

    with pytest.raises(ConfigError, match="stores tensor 'w' as data type 8, expected floats, integers or booleans"):
        CNN.from_onnx(write(tmp_path, conv(change)))


def test_sparse_tensors_are_refused(tmp_path):
    proto = conv()
    proto.graph.sparse_initializer.add()
    with pytest.raises(ConfigError, match="contains sparse tensors, expected dense ones"):
        CNN.from_onnx(write(tmp_path, proto))


def test_cycle_is_refused(tmp_path):
    proto = model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")])
    refuse(
        tmp_path,
        proto,
        r"node 0 \(Add\) reads 'b', which a later node writes: its nodes are not sorted, or form a cycle",
    )


def test_missing_input_is_refused(tmp_path):
    refuse(tmp_path, model([node("Add", "x b", "y")]), r"node 0 \(Add\) reads 'b', which nothing writes")


def test_missing_output_is_refused(tmp_path):
    refuse(tmp_path, model([node("Relu", "x", "a")]), "nothing writes its output 'y'")


@pytest.mark.parametrize("name", ["x", "y", "w"])
def test_value_that_is_written_twice_is_refused(name, tmp_path):
    proto = model([node("Conv", "x w", "y"), node("Relu", "x", name)], arrays={"w": WEIGHTS})
    refuse(tmp_path, proto, f"'{name}' is written twice")


def test_tensor_that_is_given_twice_is_refused(tmp_path):
    proto = conv()
    proto.graph.initializer.append(proto.graph.initializer[0])
    refuse(tmp_path, proto, "it contains 'w' twice")


def test_long_name_is_refused(tmp_path):
    name = "n" * 3_000_000
    refuse(
        tmp_path, model([node("Relu", "x", name), node("Relu", name, "y")]), "contains a name of 3,000,0.. characters"
    )


def test_many_nodes_are_refused(tmp_path):
    proto = model([node("Relu", "x", "y")])
    proto.graph.node.extend([helper.make_node("Relu", ["x"], [])] * 100_000)
    refuse(tmp_path, proto, "contains 100,001 nodes, expected at most 10,000")


def test_many_tensors_are_refused(tmp_path):
    proto = model([node("Relu", "x", "y")])
    proto.graph.initializer.extend([TensorProto(name="a")] * 40_001)
    refuse(tmp_path, proto, "contains 40,001 tensors, expected at most 40,000")


def test_deeply_nested_subgraphs_are_refused(tmp_path):
    proto = model([node("Relu", "x", "y")])
    for _ in range(60):
        outer = model([node("Relu", "x", "y")])
        outer.graph.node[0].attribute.add(name="body", type=5).g.CopyFrom(proto.graph)
        proto = outer
    with pytest.raises(JitCNNError, match=r"cannot be parsed as protobuf|its attribute body is not supported"):
        CNN.from_onnx(write(tmp_path, proto))


def test_tensor_that_thousands_of_nodes_use_is_refused(tmp_path):
    """800 kB in 1000 convolutions are 800 MB."""
    nodes = [node("Conv", f"v{k} w", f"v{k + 1}", pads=[0] * 4) for k in range(1000)]
    nodes = [node("Relu", "x", "v0"), *nodes, node("Relu", "v1000", "y")]
    with pytest.raises(ConfigError, match="many times larger than the tensors in the file"):
        import_net(tmp_path, nodes, shape=("N", 450, 1, 1), arrays={"w": np.ones((450, 450, 1, 1), np.float32)})


def test_output_that_grows_without_bound_is_refused(tmp_path):
    nodes = [node("Concat", f"v{k} v{k}", f"v{k + 1}", axis=1) for k in range(40)]
    nodes = [node("Relu", "x", "v0"), *nodes, node("Relu", "v40", "y")]
    with pytest.raises(ConfigError, match="numbers for one image, expected at most 268,435,456"):
        import_net(tmp_path, nodes)


def test_folded_constants_that_grow_are_refused(tmp_path):
    nodes = [node("Mul", "c c", f"v{k}") for k in range(9000)]
    with pytest.raises(ConfigError, match="many times larger than the tensors in the file"):
        import_net(tmp_path, [*nodes, node("Relu", "x", "y")], arrays={"c": np.ones(1000)})


# --- external data -----------------------------------------------------------------------------------


def external(**entries):
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return conv(change)


@pytest.fixture
def folder(tmp_path):
    """A folder with weights.bin, a link to a file outside, and a link to the folder above."""
    (tmp_path / "net").mkdir()
    for path in ("secret.bin", "net/weights.bin"):
        (tmp_path / path).write_bytes(WEIGHTS.tobytes())
    (tmp_path / "net" / "link.bin").symlink_to(tmp_path / "secret.bin")
    (tmp_path / "net" / "above").symlink_to(tmp_path)
    return tmp_path / "net"


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "link.bin",
        "above/secret.bin",
        "/etc/passwd",
        "",
        "none.bin",
        ".",
        "a\0b",
        "C:\\secret.bin",
        "\\\\a\\b",
    ],
)
def test_external_data_outside_the_folder_are_refused(location, folder):
    refuse(folder, external(location=location), "expected a file in the folder of net.onnx")


def test_absolute_path_into_the_folder_is_refused(folder):
    refuse(folder, external(location=str(folder / "weights.bin")), "expected a file in the folder of net.onnx")


@pytest.mark.parametrize("location", ["a/" * 500_000, "a" * 900])
def test_long_location_is_refused(location, folder):
    refuse(folder, external(location=location), "expected a file in the folder of net.onnx")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"length": "20"}, "has 20 bytes, expected 24"),
        ({"offset": "4", "length": "24"}, "at bytes 4 to 28 of 'weights.bin', which has 24 bytes"),
        ({"offset": "-4", "length": "24"}, "at bytes -4 to 20"),
        ({"offset": "9" * 30, "length": "24"}, "which has 24 bytes"),
        ({"offset": "x"}, "cannot be read: invalid literal"),
        ({"length": "9" * 5000}, "cannot be read: Exceeds the limit"),
    ],
)
def test_external_data_of_the_wrong_size_are_refused(entries, reason, folder):
    refuse(folder, external(location="weights.bin", **entries), reason)


def test_external_file_that_many_tensors_claim_is_refused(folder):
    proto = external(location="weights.bin")
    second = proto.graph.initializer.add()
    second.CopyFrom(proto.graph.initializer[0])
    second.name = "w2"
    refuse(folder, proto, "which has 24 bytes and other tensors")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe_is_refused(folder):
    os.mkfifo(folder / "pipe")
    refuse(folder, external(location="pipe"), "expected a file in the folder of net.onnx")
