"""Predictions in one call, of a network and of ``CNN.compile``: equal to its layers one by one, of the layers as they are now, and
independent of batch and threads."""

import copy
import pickle
from threading import Thread

import numpy as np
import pytest
from nets import as_if_trained, net_with_norm, one_by_one, one_call_of

from jitcnn import (
    CNN,
    SGD,
    AvgPool2D,
    BatchNorm2D,
    Clip,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
    ResidualBlock,
    find_net,
    train_step,
)
from jitcnn.errors import DataError, DTypeError, ShapeError
from jitcnn.kernels.whole_net import entry
from jitcnn.layers import BottleneckBlock
from jitcnn.net import one_call, predicting, tabulating
from jitcnn.net.one_call import OneCall

CHAINS = {
    "conv": (lambda: [Conv2D(2, 5, 3)], (2, 6, 9)),
    "conv, norm": (lambda: [Conv2D(2, 17, 3, use_bias=False), BatchNorm2D(17, eps=0.1)], (2, 6, 7)),
    "conv, norm, relu": (lambda: [Conv2D(1, 33, (3, 2)), BatchNorm2D(33), ReLU()], (1, 8, 9)),
    "stride and dilation": (lambda: [Conv2D(3, 4, 3, (2, 1), (1, 2), dilation=(1, 2)), ReLU(), Conv2D(4, 48, 2, 2)], (3, 9, 11)),
    "same, even kernel": (lambda: [Conv2D(1, 3, 4, padding="same"), Conv2D(3, 3, 2, 2, padding="same")], (1, 7, 9)),
    "padding per side": (lambda: [Conv2D(1, 3, 3, padding=(0, 2, 3, 1)), ReLU(), Conv2D(3, 2, 3, padding=1)], (1, 5, 6)),
    "rows of 1, 2 and 3": (lambda: [Conv2D(1, 3, 3), ReLU(), Conv2D(3, 20, 2), Conv2D(20, 4, 2, padding=1), Conv2D(4, 2, 3)], (1, 5, 5)),
    "max pooling that leaves pixels out": (lambda: [Conv2D(1, 3, 3), ReLU(), MaxPool2D(2), Conv2D(3, 3, 2), MaxPool2D(2, 1)], (1, 13, 15)),
    "max pooling with padding": (lambda: [Conv2D(1, 3, 3), ReLU(), MaxPool2D(3, 2, 1), MaxPool2D(2, 1, "same")], (1, 8, 9)),
    "upper limit": (
        lambda: [Conv2D(2, 32, 3), BatchNorm2D(32), Clip(0, 1.5), *(Conv2D(32, 32, 3, 1, 1, groups=g) for g in (1, 32)), Clip(0, 0.5)],
        (2, 9, 10),
    ),
    "upper limit of winograd": (lambda: [Conv2D(2, 32, 3), Conv2D(32, 32, 3), Clip(0, 1), MaxPool2D(2, 2, 1)], (2, 9, 10)),
    "winograd": (lambda: [Conv2D(2, 24, 3), ReLU(), Conv2D(24, 30, 3, padding=1), BatchNorm2D(30), MaxPool2D(2)], (2, 9, 10)),
    "mean pooling": (lambda: [Conv2D(1, 3, 3), AvgPool2D((3, 2), (2, 1)), Conv2D(3, 4, 1), AvgPool2D(2)], (1, 9, 9)),
    "mean of all": (lambda: [Conv2D(1, 70, 3), BatchNorm2D(70), GlobalAvgPool2D()], (1, 6, 5)),
    "dropout": (lambda: [Conv2D(1, 3, 3), ReLU(), Dropout(0.5), Conv2D(3, 2, 3)], (1, 8, 8)),
    "blocks": (lambda: [ResidualBlock(2, 5), ResidualBlock(5, 5), ResidualBlock(5, 6, 2)], (2, 7, 6)),
    "depthwise": (lambda: [Conv2D(2, 17, 1), Conv2D(17, 17, 3, padding=1, groups=17), BatchNorm2D(17), ReLU()], (2, 9, 14)),
    "depthwise 5×5": (lambda: [Conv2D(2, 3, 1), Conv2D(3, 3, 5, padding=2, groups=3), ReLU(), Conv2D(3, 3, 2, groups=3)], (2, 7, 11)),
    "depthwise, stride and dilation": (
        lambda: [Conv2D(2, 40, 1), Conv2D(40, 40, 3, (2, 1), 2, dilation=(1, 2), groups=40), Conv2D(40, 40, 3, 2, groups=40)],
        (2, 11, 12),
    ),
    "depthwise, rows of 1, 2 and 3": (lambda: [Conv2D(2, 16, 1), *(Conv2D(16, 16, 2, groups=16) for _ in range(3))], (2, 5, 4)),
    "depthwise, rows of 7": (lambda: [Conv2D(2, 16, 1), *(Conv2D(16, 16, 3, padding=1, groups=16) for _ in range(2))], (2, 3, 7)),
    "depthwise, two filters per channel": (lambda: [Conv2D(2, 17, 1), ReLU(), Conv2D(17, 34, 3, padding=1, groups=17)], (2, 5, 6)),
    "depthwise, first layer": (lambda: [Conv2D(3, 3, 3, groups=3, use_bias=False), BatchNorm2D(3), ReLU()], (3, 5, 6)),
    "2 groups": (lambda: [Conv2D(2, 40, 1), Conv2D(40, 70, 3, padding=1, groups=2, use_bias=False), BatchNorm2D(70), ReLU()], (2, 6, 5)),
    "4 groups": (lambda: [Conv2D(2, 12, 3), ReLU(), Conv2D(12, 12, 3, 2, 1, groups=4), Conv2D(12, 8, 1, groups=4)], (2, 7, 9)),
    "4 groups, first layer": (lambda: [Conv2D(12, 24, 3, padding=1, dilation=2, groups=4), ReLU()], (12, 7, 8)),
    "groups of 32 and 4 channels": (lambda: [Conv2D(2, 64, 1), Conv2D(64, 64, 3, padding=1, groups=2), Conv2D(64, 64, 3, groups=16)], (2, 6, 5)),
    "pooling first": (lambda: [MaxPool2D(2), Conv2D(3, 5, 3), BatchNorm2D(5)], (3, 9, 11)),
    "mean first": (lambda: [AvgPool2D(2, 1), ReLU(), ReLU(), Conv2D(3, 5, 3)], (3, 9, 11)),
    "norm first": (lambda: [BatchNorm2D(3), Conv2D(3, 5, 3), MaxPool2D(2), BatchNorm2D(5), ReLU()], (3, 9, 11)),
    "dropout first": (lambda: [Dropout(0.5), Conv2D(3, 20, 3), ReLU(), BatchNorm2D(20), ReLU(), Clip(0, 0.5), ReLU()], (3, 9, 11)),
    "block first": (lambda: [ResidualBlock(3, 3), BatchNorm2D(3)], (3, 9, 7)),
    "bottlenecks": (lambda: [Conv2D(1, 8, 3), BottleneckBlock(8, 2, 8), BottleneckBlock(8, 3, 12, 2)], (1, 8, 7)),
}  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("N", [1, 3])
def test_one_call_equals_the_layers_one_by_one(chain, N, rng):
    make, shape = chain
    layers = as_if_trained(make(), rng)
    first = one_call_of(layers, shape)
    assert first.count == len(layers)
    for _ in range(2):  # the second call finds the memory of the first
        x = rng.standard_normal((N, *shape)).astype(np.float32)
        expected = one_by_one(layers, x)
        assert first.output_shape == expected.shape[1:]
        np.testing.assert_allclose(first(x), expected, rtol=0, atol=2e-5 * max(1, abs(expected).max()))


class Unlike(ReLU):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ([Conv2D(2, 2, 3, dtype=np.float64)], 0),
        ([Conv2D(2, 2, 3), ReLU(), Conv2D(2, 2, 3, impl="naive")], 2),
        ([Conv2D(2, 2, 3), MaxPool2D(2, 2, 1)], 1),  # a zero of the border could be the maximum
        ([Conv2D(2, 2, 3), AvgPool2D(2), MaxPool2D(2, 2, 1)], 2),
        ([Conv2D(2, 2, 3), ReLU(), AvgPool2D(2, 2, 1)], 2),
        ([Conv2D(2, 2, 3), MaxPool2D(2, ceil_mode=True)], 1),
        ([Conv2D(2, 2, 3), AvgPool2D(2, padding="same")], 1),
        ([Conv2D(2, 2, 3), Unlike()], 1),
        ([Conv2D(2, 2, 3), Clip(-1, 1)], 1),
        ([Conv2D(2, 2, 3), Clip(0, 6, impl="naive")], 1),
        ([Conv2D(2, 2, 3), GlobalAvgPool2D(), Dense(2, 2)], 2),
        ([Conv2D(2, 2, 3), Flatten(), Dense(72, 2)], 1),
        ([Conv2D(2, 2, 3), BatchNorm2D(2, impl="naive"), ReLU()], 1),
        ([MaxPool2D(2), ReLU()], 0),  # without a convolution there is nothing to gain
        ([BatchNorm2D(2, dtype=np.float64), Conv2D(2, 2, 3)], 0),
        ([ResidualBlock(2, 3, dtype=np.float64)], 0),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else None,
)
def test_a_layer_without_a_row_ends_the_call(layers, count):
    assert one_call_of(layers, (2, 8, 8)).count == count


def test_threads_share_the_rows_of_few_or_large_images(monkeypatch, rng):
    """Both ways give the same bits, on any number of threads."""
    layers = as_if_trained([Conv2D(1, 24, 3, padding=1), BatchNorm2D(24), ReLU(), Conv2D(24, 24, 3), MaxPool2D(2)], rng)
    shape = (1, 9, 8)
    x = rng.standard_normal((4, *shape)).astype(np.float32)
    expected = one_call_of(layers, shape)(x)
    monkeypatch.setattr(tabulating, "SHARED", 1)
    for threads in (1, 2, 3, 16):
        monkeypatch.setattr(one_call, "most_threads", lambda threads=threads: threads)
        first = one_call_of(layers, shape)
        assert set(first._table.steps[1:3, entry.SHARED]) == {int(threads > 1)}
        for N in (1, 4):
            np.testing.assert_array_equal(first(x[:N]), expected[:N])
    monkeypatch.setattr(one_call, "MOST_BYTES", 1)
    large = one_call_of(layers, shape)
    np.testing.assert_array_equal(large(x), expected)
    assert set(large._free) == {1}  # memory of one image


def test_an_image_depends_neither_on_its_batch_nor_on_earlier_calls(rng):
    first = one_call_of(net_with_norm(rng).layers, (1, 8, 8))
    x = rng.standard_normal((21, 1, 8, 8)).astype(np.float32)
    together = first(x)
    alone = [first(x[k : k + 1]) for k in range(21)]
    np.testing.assert_array_equal(np.concatenate(alone), together)


def test_predictions_are_those_of_the_network(rng):
    net = net_with_norm(rng)
    compiled, images = net.compile(batch_size=4), rng.integers(0, 256, (11, 1, 8, 8)).astype(np.uint8)
    assert repr(compiled) == "<Predictor of cnn: the first 4 of 7 layers in one call>"
    x = net.as_input(images)
    expected = one_by_one(net.layers, x)
    np.testing.assert_array_equal(net(x), expected)
    for predictor in (compiled, net):
        np.testing.assert_allclose(predictor.predict_proba(images), expected, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(predictor.predict(images), expected.argmax(axis=1))
        assert predictor.predict_proba(images[:0]).shape == (0, 4)
    expected = one_by_one(net.layers[:-1], x)
    for logits in (compiled.logits(x), net.logits(x, training=False)):
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def in_place(net):
    net.layers[0].weights[0, 0, 1, 1] += 1


def statistics(net):
    net.layers[1].running_var[2] *= 3


def another_array(net):
    net.layers[0].bias = net.layers[0].bias + np.float32(1)


def a_setting(net):
    net.layers[1].eps = 2.0


def another_layer(net):
    net.layers[0] = Conv2D(1, 6, 3, rng=np.random.default_rng(5))


def a_training_step(net):
    train_step(net, np.ones((2, 1, 8, 8), np.float32), np.array([0, 1]), SGD(0.5))


def a_dense_layer(net):
    net.layers[-2].weights *= 2


def a_dense_array(net):
    net.layers[-2].weights = np.asfortranarray(net.layers[-2].weights + np.float32(1))


def a_dense_dtype(net):
    net.layers[-2].bias = net.layers[-2].bias + np.float64(1)


CHANGES = [in_place, statistics, another_array, a_setting, another_layer, a_training_step]
CHANGES += [a_dense_layer, a_dense_array, a_dense_dtype]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("N", [1, 3])
def test_every_change_of_the_network_is_noticed(change, N, rng):
    net = net_with_norm(rng)
    x = rng.standard_normal((N, 1, 8, 8)).astype(np.float32)
    before = net.logits(x, training=False)
    assert net._evaluating is net._evaluating  # prepared once
    change(net)
    after = net.logits(x, training=False)
    assert abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, one_by_one(net.layers[:-1], x), rtol=0, atol=1e-5 * abs(after).max())


def test_another_normalisation_and_another_layer_list_are_noticed(rng):
    net, images = net_with_norm(rng), rng.integers(0, 256, (1, 1, 8, 8), np.uint8)
    net.predict_proba(images)
    net.normalise_by((0.7,), (0.1,))
    expected = one_by_one(net.layers, net.as_input(images))
    np.testing.assert_allclose(net.predict_proba(images), expected, rtol=0, atol=1e-6)
    net.layers.insert(2, Conv2D(6, 6, 1, impl="naive"))
    expected = one_by_one(net.layers, net.as_input(images))
    np.testing.assert_allclose(net.predict_proba(images), expected, rtol=0, atol=1e-6)
    assert net.layers_in_one_call == 2
    net.layers[2].impl = "auto"
    assert net.layers_in_one_call == 5


def test_copies_of_a_network_prepare_their_own_call(rng):
    net = net_with_norm(rng)
    x = rng.standard_normal((3, 1, 8, 8)).astype(np.float32)
    before = net.logits(x, training=False)
    for twin in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin._prepared is None
        np.testing.assert_array_equal(twin.logits(x, training=False), before)


def test_a_predictor_is_a_snapshot(rng):
    net = net_with_norm(rng)
    x, y = rng.standard_normal((6, 1, 8, 8)).astype(np.float32), np.arange(6) % 4
    compiled = net.compile()
    before = compiled.logits(x), compiled.logits(x.astype(np.float64))  # in one call, and layer by layer
    train_step(net, x, y, SGD(0.5))
    for result, expected in zip((compiled.logits(x), compiled.logits(x.astype(np.float64))), before, strict=True):
        np.testing.assert_array_equal(result, expected)
    assert abs(net.logits(x, training=False) - before[0]).max() > 0.01
    compiled._net.layers[0].weights[...] = 0  # nobody does: it does not look for changes
    np.testing.assert_array_equal(compiled.logits(x), before[0])


def test_several_threads_at_a_time(rng):
    compiled = net_with_norm(rng).compile()
    batches = rng.standard_normal((4, 3, 1, 8, 8)).astype(np.float32)
    expected, found = [compiled.logits(x) for x in batches], [[] for _ in batches]

    def work(k):
        found[k].extend(compiled.logits(batches[k]) for _ in range(20))

    threads = [Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results, wanted in zip(found, expected, strict=True):
        assert len(results) == 20
        for result in results:
            np.testing.assert_array_equal(result, wanted)


def test_lines_of_the_verbose_mode_stay_true(rng, monkeypatch):
    net, x = net_with_norm(rng), rng.standard_normal((3, 1, 8, 8)).astype(np.float32)
    compiled = net.compile()
    monkeypatch.setattr(predicting, "VERBOSE", True)
    monkeypatch.setattr(OneCall, "__call__", None)
    for logits in (compiled.logits(x), net.logits(x, training=False)):
        np.testing.assert_array_equal(logits, one_by_one(net.layers[:-1], x))
    assert net.predict_proba(x[:1]).shape == (1, 4)


def test_invalid_input_raises_as_in_the_network(rng):
    compiled, x = net_with_norm(rng).compile(), np.zeros((2, 1, 8, 8), np.float32)
    with pytest.raises(ShapeError, match=r"cnn expects input of shape \(N, 1, 8, 8\), got \(2, 1, 8, 7\)"):
        compiled.predict(x[..., :7])
    with pytest.raises(DTypeError, match="float32 or float64, got int64"):
        compiled.predict(x.astype(np.int64))
    x[1, 0, 2, 3] = np.nan
    with pytest.raises(DataError, match=r"expects finite input, got nan at index \(1, 0, 2, 3\)"):
        compiled.predict_proba(x)


def test_networks_that_are_no_chain_run_layer_by_layer(rng):
    layers = [Conv2D(1, 1, 3, padding=1), ReLU(), Flatten(), Dense(16, 2)]
    graph = CNN(layers, sources=[(-1,), (0,), (1,), (2,)], input_shape=(1, 4, 4))
    assert graph.compile().compiled == 2  # a chain after all
    anything = CNN([Dense(3, 2)])
    assert anything.compile().compiled == 0
    x = rng.standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_array_equal(anything.compile().logits(x), anything(x))
    np.testing.assert_array_equal(anything.logits(x, training=False), anything(x))


@pytest.mark.compiled
@pytest.mark.parametrize(
    "name", ["mnist-cnn", "lenet5", "resnet20", "cifar-vgg", "cifar-alexnet", "resnet18", "resnet50", "vgg11"]
)
def test_ready_made_nets(name, rng):
    small_images = {"input_shape": (3, 32, 32)} if name in ("resnet18", "resnet50", "vgg11") else {}
    net = find_net(name, **small_images)
    as_if_trained(net.layers, rng)
    compiled = net.compile()
    assert compiled.compiled > 0
    for N in (1, 2):
        x = rng.standard_normal((N, *net.input_shape)).astype(np.float32)
        expected = one_by_one(net.layers[:-1], x)
        np.testing.assert_allclose(compiled.logits(x), expected, rtol=0, atol=1e-4 * abs(expected).max())
