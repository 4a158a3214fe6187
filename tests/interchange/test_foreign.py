"""Files of other programs where a model file or weights are expected: pickles are never opened, others name their method."""

import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jitcnn import CNN, CheckpointError, Dense
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.interchange.foreign import refuse_foreign

torch = pytest.importorskip("torch")


def model(seed=0):
    return CNN([Dense(3, 4, rng=np.random.default_rng(seed))], name="net")


class Trap:
    """Its pickle would write a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["zip of torch", "old file of torch", "pickle", "text pickle"])
@pytest.mark.parametrize("load", ["load", "load_safetensors", "load_weights", "from_keras", "load_keras"])
def test_pickles_are_never_opened(kind, load, tmp_path):
    path, trap = tmp_path / "net.pt", Trap(tmp_path / "executed")
    match kind:
        case "zip of torch":
            torch.save(trap, path)
        case "old file of torch":
            torch.save(trap, path, _use_new_zipfile_serialization=False)
        case "pickle":
            path.write_bytes(pickle.dumps(trap))
        case _:
            path.write_bytes(pickle.dumps(trap, protocol=0))
    message = r"is a pickle, .*\nimport torch; from safetensors\.torch import save_file\nsave_file\(torch\.load\(.*net\.safetensors"
    with pytest.raises(CheckpointError, match=message):
        getattr(model(), load)(path)
    assert not trap.path.exists()


def test_the_lines_in_the_error_convert_the_file(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(torch_twin(torch, model().graph).state_dict(), path)
    with pytest.raises(CheckpointError) as error:
        CNN.load(path)
    exec("\n".join(str(error.value).splitlines()[1:]), {})
    net = model(seed=1)
    net.load_safetensors(path.with_suffix(".safetensors"))
    assert net.fingerprint() == model().fingerprint()


HEADER = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
FOREIGN = {
    "net.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), r"net\.h5 is an HDF5 file: read it with CNN\.from_keras"),
    "net.safetensors": (
        struct.pack("<Q", len(HEADER)) + HEADER + bytes(4),
        "is a safetensors file, which has no architecture",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_load_names_the_method_for_files_of_other_programs(name, tmp_path):
    contents, message = FOREIGN[name]
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(CheckpointError, match=message):
        CNN.load(tmp_path / name)


def test_load_names_the_method_for_a_keras_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")
    with pytest.raises(CheckpointError, match=r"is a file of Keras: read it with CNN\.from_keras"):
        CNN.load(tmp_path / "net.keras")


def test_a_file_that_cannot_be_read_is_left_to_the_caller(tmp_path, monkeypatch):
    (tmp_path / "net.npz").write_bytes(b"\x80\x04")

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    refuse_foreign(tmp_path / "net.npz")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="is a pickle"):
        refuse_foreign(tmp_path / "net.npz")
