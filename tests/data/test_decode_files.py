"""decode_files: the same results in order from threads and processes, which may fail."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import decode_files as module
from jitcnn.data import decode_worker
from jitcnn.data.decode_files import FileReader, decode_files
from jitcnn.errors import DataError


@pytest.fixture
def files(tmp_path, rng):
    """Forty images: in colour, in grey, with 16 bits, and broken."""
    paths = [tmp_path / f"{k}.png" for k in range(40)]
    for k, path in enumerate(paths):
        if k % 4 == 3:
            path.write_text("no picture")
        else:
            kind = [((20, 30, 3), np.uint8), ((20, 30), np.uint8), ((20, 30), np.uint16)][k % 4]
            Image.fromarray(rng.integers(0, 200, kind[0], kind[1])).save(path)
    return paths


@pytest.fixture
def processes(monkeypatch):
    """Two processes, whatever the machine and however few the files."""
    for name, value in (("FROM_CORES", 1), ("FROM_FILES", 1), ("CHUNK", 3)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "cores", lambda: 2)
    begun = []
    start = decode_worker._start
    monkeypatch.setattr(decode_worker, "_start", lambda reader: (begun.append(start(reader)), begun[-1])[1])
    return begun


def same(first, second):
    return all(
        np.array_equal(one, other) if isinstance(one, np.ndarray)
        else str(one) == str(other) if isinstance(one, DataError)
        else one == other
        for one, other in zip(first, second, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("ranges", [None, {"integer": (0.0, 200.0)}])
def test_processes_give_the_results_of_one_thread(ranges, files, processes):
    reader = FileReader((8, 9), None, ranges)
    found = [*decode_files(reader, files)]
    assert same(found, reader.read_some(files))
    assert [type(each).__name__ for each in found[:4]] == [
        "ndarray", "ndarray", "ValueFacts" if ranges is None else "ndarray", "DataError",
    ]  # fmt: skip
    assert len(processes) == 2
    assert [process.poll() is None for process in processes] == [False, False]


@pytest.mark.parametrize("few", ["FROM_CORES", "FROM_FILES"])
def test_few_files_or_cores_start_no_process(few, files, processes, monkeypatch):
    monkeypatch.setattr(module, few, 1000)
    reader = FileReader(8, 1)
    assert same([*decode_files(reader, files)], reader.read_some(files))
    assert processes == []


def test_large_files_start_processes(files, processes, monkeypatch):
    monkeypatch.setattr(module, "FROM_FILES", 1000)
    monkeypatch.setattr(module, "FROM_BYTES", 10)
    assert len([*decode_files(FileReader(8, 1), files[:2], 11)]) == 2
    assert len(processes) == 2


def test_caller_decodes_where_no_process_can_be_started(files, processes, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/missing/python")
    reader = FileReader(8, 1)
    assert same([*decode_files(reader, files)], reader.read_some(files))
    assert processes == [None, None]


def test_caller_decodes_what_a_process_that_ends_leaves(files, processes, monkeypatch):
    monkeypatch.setattr(decode_worker, "COMMAND", "import sys; sys.stdin.buffer.read(10)")
    reader = FileReader(8, 1)
    assert same([*decode_files(reader, files)], reader.read_some(files))
    assert len(processes) == 2


def test_processes_end_when_the_caller_stops_early(files, processes):
    results = decode_files(FileReader(8, 1), files)
    next(results)
    results.close()
    assert [process.poll() is None for process in processes] == [False, False]


def test_script_without_a_main_guard_runs_once(files, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\n"
        "from pathlib import Path\n"
        "from jitcnn.data import decode_files as module\n"
        "module.FROM_CORES = module.FROM_FILES = 1\n"
        "module.cores = lambda: 2\n"
        f"results = module.decode_files(module.FileReader(8, 1), sorted(Path({str(tmp_path)!r}).glob('*.png')))\n"
        "print(len([*results]))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, env={**os.environ}, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("once\n40\n", "")
