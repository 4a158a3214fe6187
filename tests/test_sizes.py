"""No images, one image, and float images: every public call works or is refused in a sentence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import small_net

from jitcnn import (
    CNN,
    SGD,
    Augmentation,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    DataError,
    Dataset,
    Dense,
    DTypeError,
    Flatten,
    JitCNNError,
    evaluate,
    fit,
    train_step,
)
from jitcnn.data.batches import batch_starts, minibatches
from jitcnn.functional import conv2d_relu_pool
from jitcnn.layers import LAYERS
from jitcnn.training import Trainer, TrainingSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 1, 6, 6)).astype(np.uint8)
LABELS = np.arange(24) % 3


def as_layout(images, dtype, layout):
    """The images as pixels or scaled floats, contiguous or not."""
    images = images if dtype == np.uint8 else images.astype(dtype) / dtype(255)
    if layout == "fortran":
        return np.asfortranarray(images)
    return images[:, :, ::-1][:, :, ::-1] if layout == "reversed twice" else images


def dataset(train, test=None, dtype=np.uint8):
    """``train`` and ``test`` images."""
    test = train if test is None else test
    x = as_layout(IMAGES, dtype, "")
    return Dataset("noise", "test", x[:train], LABELS[:train], x[:test], LABELS[:test], ("0", "1", "2"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.sampled_from([0, 1, 2, 7, 9]),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]),
    layout=st.sampled_from(["", "fortran", "reversed twice"]),
    batch_size=st.sampled_from([1, 8, None]),
)
def test_predictions_of_any_number_of_images(n, dtype, layout, batch_size):
    net = small_net()
    x = as_layout(IMAGES[:n], dtype, layout)
    expected = small_net().predict_proba(IMAGES)[:n]
    proba = net.predict_proba(x, batch_size)
    assert proba.shape == (n, 3)
    np.testing.assert_allclose(proba, expected, atol=1e-5)
    assert net.predict(x, batch_size).shape == (n,)
    if n == 0:
        with pytest.raises(DataError, match="evaluate expects at least one image for small, got none"):
            evaluate(net, x, LABELS[:0], batch_size)
    else:
        assert evaluate(net, x, LABELS[:n], batch_size).total == n


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    train=st.sampled_from([0, 1, 2, 7, 8, 9, 17]), test=st.sampled_from([0, 1, 2]),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]), batch_size=st.sampled_from([1, 8]),
)  # fmt: skip
def test_training_on_any_number_of_images(train, test, dtype, batch_size):
    data = dataset(train, test, dtype)
    if 0 in (train, test):
        with pytest.raises(DataError, match=f"noise has no {'training' if train == 0 else 'test'} images"):
            fit(small_net(), data, epochs=1, batch_size=batch_size)
        return
    (epoch,) = fit(small_net(), data, epochs=1, batch_size=batch_size).epochs
    assert np.isfinite(epoch.train_loss)


def test_float_images_train_to_the_bits_of_pixels():
    bits = [fit_and_fingerprint(dataset(24, dtype=dtype)) for dtype in (np.uint8, np.float32)]
    assert bits[0] == bits[1]


def fit_and_fingerprint(data):
    net = small_net()
    fit(net, data, epochs=2, batch_size=5)
    return net.fingerprint()


def test_last_batch_of_one_image_joins_the_batch_before():
    """A batch of one image has no variance per channel where its planes are 1×1."""
    rng = np.random.default_rng(0)
    net = CNN([Conv2D(1, 4, 6, rng=rng), BatchNorm2D(4), Flatten(), Dense(4, 3, rng=rng)], input_shape=(1, 6, 6))
    trainer = Trainer(net, dataset(17, 2), TrainingSettings(epochs=2, batch_size=8))
    sizes = [len(y) for _, y in minibatches(IMAGES[:17], LABELS[:17], 8, np.random.default_rng(0))]
    assert (sizes, trainer.batches) == ([8, 9], 2)
    assert len(trainer.train().epochs) == 2


@pytest.mark.parametrize(
    ("count", "batch_size", "starts"),
    [(0, 8, []), (1, 8, [0]), (8, 8, [0]), (9, 8, [0]), (10, 8, [0, 8]), (17, 8, [0, 8]), (3, 1, [0, 1, 2])],
)
def test_where_batches_begin(count, batch_size, starts):
    assert list(batch_starts(count, batch_size)) == starts


@pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("n", [0, 1])
def test_layers_take_any_number_of_images(kind, n):
    for _, layer, x in kind.probes("auto", np.random.default_rng(0)):
        several = isinstance(x, tuple)
        # an input of one row is repeated for each image
        inputs = [each if several and len(each) == 1 else each[:n] for each in (x if several else (x,))]
        try:
            out = layer.forward(tuple(inputs) if several else inputs[0])
        except JitCNNError:
            assert kind in (BatchNorm1D, BatchNorm2D) or "Block" in kind.__name__
            assert n == 0 or kind is BatchNorm1D  # which has one value per image
            continue
        shapes = tuple(each.shape[1:] for each in inputs)
        assert out.shape == (n if kind.inputs != 0 else 1, *layer.output_shape(shapes if several else shapes[0]))
        d_x = layer.backward(np.ones_like(out))
        for gradient, each in zip(d_x if several else (d_x,), inputs, strict=True):
            assert gradient.shape == each.shape


def test_fused_block_of_no_images():
    out, winners = conv2d_relu_pool(np.zeros((0, 2, 6, 6)), np.zeros((3, 2, 3, 3)), np.zeros(3))
    assert out.shape == winners.shape == (0, 3, 2, 2)


def test_training_pass_of_no_images_raises():
    with pytest.raises(DataError, match="small expects at least one image in a training pass, got none"):
        train_step(small_net(), np.zeros((0, 1, 6, 6), np.float32), LABELS[:0], SGD())


def test_lists_are_refused_with_the_remedy():
    with pytest.raises(DTypeError, match=r"expects x to be a numpy array, got list: use np.asarray\(x\)"):
        small_net().predict(IMAGES.tolist())


def test_augmentation_and_statistics_need_pixels():
    data = dataset(24, dtype=np.float32)
    with pytest.raises(JitCNNError, match="augmentation needs uint8 images, got float32"):
        fit(small_net(), data, augmentation=Augmentation(shift=1))
    with pytest.raises(DataError, match="normalising by mean and std needs uint8 pixels, got float32"):
        data.statistics()
