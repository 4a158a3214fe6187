"""A training from a memory-mapped file takes no memory for the images."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import json, sys, threading
from pathlib import Path
import numpy as np
from jitcnn import CNN, Dataset, Dense, Flatten, MaxPool2D, SGD, fit
from jitcnn.data import match_data, repeated_images
from jitcnn.support.image_rows import take_rows

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000

def net():
    return CNN([MaxPool2D(8, 8), Flatten(), Dense(192, 4, rng=np.random.default_rng(0))], input_shape=(3, 64, 64))

def data(images):
    labels = np.arange(len(images)) % 4
    order = np.random.default_rng(0).permutation(len(images))
    held, kept = np.split(order, [len(images) // 4])
    x = take_rows(images, kept), take_rows(images, held)
    return Dataset("noise", "made", x[0], labels[kept], x[1], labels[held], split={"seed": 0, "test_share": 0.25})

fit(net(), data(np.zeros((600, 3, 64, 64), np.uint8)), epochs=1, batch_size=128, checkpoint=sys.argv[2])
images = np.load(sys.argv[1], mmap_mode="r")
most, ended = [0.0], threading.Event()
begin = anonymous()

def watch():
    while not ended.wait(0.02):
        most[0] = max(most[0], anonymous() - begin)

thread = threading.Thread(target=watch)
thread.start()
whole = data(images)
held_out = whole.limited(10**6).validation(0.1)
model = net()
model.normalise_by(*held_out.statistics())
history = fit(model, held_out, optimizer=SGD(0.001), epochs=1, batch_size=128, checkpoint=sys.argv[2])
match_data(whole, model)
repeated_images(whole)
ended.set()
thread.join()
print(json.dumps([most[0], len(held_out.x_train), len(history.epochs)]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells anonymous memory")
def test_training_from_a_file_of_200_megabytes_takes_less_than_a_quarter_of_it(tmp_path):
    count = 16_384
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (count, 3, 64, 64))
    images[:, 0, 0, 0] = np.arange(count) % 256
    del images
    assert (tmp_path / "images.npy").stat().st_size > 200e6
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "images.npy"), str(tmp_path / "checkpoint.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    megabytes, trained, epochs = json.loads(done.stdout)
    assert (trained, epochs) == (11_060, 1)
    assert megabytes < 60  # blocks of 16 MB that are read in order; a copy of the training images would be 136 MB


LIMITED = """
import resource, sys
from pathlib import Path
from jitcnn.data.formats.numpy_files import _of_npy
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
print(_of_npy(Path(sys.argv[1])).read().shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts private writable maps as data")
def test_map_of_a_file_is_not_counted_as_data(tmp_path):
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (1 << 18, 3, 64, 64))  # sparse: no disk
    del images
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "images.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(262144, 3, 64, 64)\n", done.stderr
