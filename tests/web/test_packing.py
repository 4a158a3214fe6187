"""Encoding of arrays for the browser and decoding of drawings."""

import base64

import numpy as np
import pytest

from jitcnn import DataError
from jitcnn.web.packing import pack, unpack_canvas


@pytest.mark.parametrize(("dtype", "packed"), [(np.float64, "float32"), (np.int64, "int32"), (np.uint8, "uint8")])
def test_array_is_packed_with_its_shape(rng, dtype, packed):
    array = (200 * rng.random((2, 3, 4))).astype(dtype).transpose(0, 2, 1)
    sent = pack(array)
    assert (sent["dtype"], sent["shape"]) == (packed, [2, 4, 3])
    back = np.frombuffer(base64.b64decode(sent["data"]), packed).reshape(sent["shape"])
    assert np.array_equal(back, array.astype(packed))


def test_canvas_is_unpacked_to_channels_first(rng):
    pixels = rng.integers(0, 256, (2, 4, 3)).astype(np.uint8)  # rows, columns, channels
    canvas = unpack_canvas(base64.b64encode(pixels.tobytes()).decode(), 3, 2, 4)
    assert canvas.shape == (3, 2, 4)
    assert np.array_equal(canvas[1], pixels[:, :, 1])


@pytest.mark.parametrize("text", [None, 7, "AAAA", "?" * 32, ""])
def test_invalid_canvas_raises(text):
    with pytest.raises(DataError, match="canvas must be 24 bytes in base64, 2×4 pixels with 3 channels"):
        unpack_canvas(text, 3, 2, 4)
