"""The memory pool reuses only blocks without references."""

import sys
import threading

import numpy as np
import pytest

from jitcnn.kernels import memory

SHAPE = (300, 400)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(memory, "_idle", {})
    memory._returned.clear()


def idle_blocks():
    """Blocks of the pool without references."""
    with memory._lock:
        memory._sort_in()
        return [block for blocks in memory._idle.values() for block in blocks]


def test_block_is_reused_when_the_last_view_is_deleted():
    array = memory.empty(SHAPE, np.float32)
    place, view = array.ctypes.data, array[1:2]
    del array
    other = memory.empty(SHAPE, np.float32)
    assert other.ctypes.data != place
    del view
    assert memory.empty(SHAPE, np.float32).ctypes.data == place


def test_arrays_have_the_requested_shape_and_are_cache_line_aligned(dtype):
    for shape in (SHAPE, (70_001,), (500, 0, 3), (2, 2)):
        array = memory.empty(shape, dtype)
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.nbytes < memory.SMALL or array.ctypes.data % 64 == 0


def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MOST_IDLE", 3_000_000)
    for size in range(1, 30):  # each larger than every block in the pool
        memory.empty((size * 100_000,), np.uint8)
    assert sum(block.nbytes for block in idle_blocks()) < 3_000_000 + 2_900_000 + 1000


@pytest.mark.compiled
def test_later_training_steps_allocate_no_large_blocks(rng, monkeypatch):
    from jitcnn import SGD, train_step
    from jitcnn.models import mnist_cnn

    net, optimizer = mnist_cnn(), SGD()
    x, y = rng.random((32, 1, 28, 28), np.float32), rng.integers(0, 10, 32)
    for _ in range(2):
        train_step(net, x, y, optimizer)
    allocated = []
    monkeypatch.setattr(memory, "_allocate", lambda size: allocated.append(size) or np.empty(size, np.uint8))
    for _ in range(3):
        train_step(net, x, y, optimizer)
    assert not allocated


def test_memory_of_an_array_deleted_in_another_thread_is_reused():
    array = memory.empty(SHAPE, np.float32)
    place, held = array.ctypes.data, [array]
    del array
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert memory.empty(SHAPE, np.float32).ctypes.data == place


def test_deleting_an_array_runs_no_python_code():
    """Python ignores an exception in ``__del__``: a Ctrl-C that arrived there was lost."""
    array = memory.empty((1 << 20,), np.float32)
    calls = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        del array
    finally:
        sys.setprofile(before)
    assert calls == []
