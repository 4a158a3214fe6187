"""Networks and weights of Keras: files in its layouts, compared with a reference in NHWC."""

import numpy as np
import pytest
from keras_files import (
    functional,
    functional_3,
    image,
    layer,
    random_weights,
    reference,
    write_h5,
    write_keras,
    write_weights_h5,
)

from jitcnn import CNN, CheckpointError

torch = pytest.importorskip("torch")

# Sums of at most a few hundred products of numbers around 1, in float32
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def nchw(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def window(kernel, strides=(1, 1), padding="valid"):
    return {"kernel_size": [*kernel], "strides": [*strides], "padding": padding}


def lenet():
    """Flatten of an image with several channels, rows and columns, all different."""
    config = functional(
        image(11, 9, 3),
        layer("Conv2D", "c1", ["image"], filters=4, activation="relu", **window((3, 2), (2, 1), "same")),
        layer("BatchNormalization", "n1", ["c1"], axis=[3], epsilon=0.01, momentum=0.8),
        layer("MaxPooling2D", "p1", ["n1"], pool_size=[3, 2], strides=[2, 2], padding="same"),
        layer("Flatten", "f", ["p1"]),
        layer("Dropout", "drop", ["f"], rate=0.5),
        layer("Dense", "d1", ["drop"], units=6, activation="tanh"),
        layer("Dense", "d2", ["d1"], units=5, activation="softmax"),
    )
    shapes = {
        "c1": {"kernel": (3, 2, 3, 4), "bias": (4,)},
        "n1": {"gamma": (4,), "beta": (4,), "moving_mean": (4,), "moving_variance": (4,)},
        "d1": {"kernel": (60, 6), "bias": (6,)},
        "d2": {"kernel": (6, 5), "bias": (5,)},
    }
    return config, shapes


def xception():
    """Branches, depthwise and separable convolutions, and normalisation without gamma."""
    config = functional(
        image(9, 8, 3),
        layer("Conv2D", "c1", ["image"], filters=4, use_bias=False, **window((3, 3))),
        layer("Conv2D", "side", ["c1"], filters=8, **window((1, 1), (2, 2), "same")),
        layer("SeparableConv2D", "s1", ["c1"], filters=8, depth_multiplier=2, **window((3, 3), (1, 1), "same")),
        layer("BatchNormalization", "n1", ["s1"], scale=False),
        layer("Activation", "a1", ["n1"], activation="relu"),
        layer("MaxPooling2D", "p1", ["a1"], pool_size=[3, 3], strides=[2, 2], padding="same"),
        layer("Add", "sum", ["p1", "side"]),
        layer("DepthwiseConv2D", "d1", ["sum"], depth_multiplier=2, **window((2, 3), (1, 1), "same")),
        layer("Concatenate", "cat", ["d1", "sum"], axis=-1),
        layer("Multiply", "gate", ["cat", "cat"]),
        layer("GlobalAveragePooling2D", "mean", ["gate"]),
        layer("Dense", "out", ["mean"], units=5, activation="softmax"),
    )
    shapes = {
        "c1": {"kernel": (3, 3, 3, 4)},
        "side": {"kernel": (1, 1, 4, 8), "bias": (8,)},
        "s1": {"depthwise_kernel": (3, 3, 4, 2), "pointwise_kernel": (1, 1, 8, 8), "bias": (8,)},
        "n1": {"beta": (8,), "moving_mean": (8,), "moving_variance": (8,)},
        "d1": {"depthwise_kernel": (2, 3, 8, 2), "bias": (16,)},
        "out": {"kernel": (24, 5), "bias": (5,)},
    }
    return config, shapes


NETS = {"lenet": lenet, "xception": xception}


@pytest.fixture(params=NETS)
def model(request, rng):
    config, shapes = NETS[request.param]()
    return config, random_weights(rng, config, shapes)


def images(rng, config):
    _, *shape = config["config"]["layers"][0]["config"]["batch_input_shape"]
    return rng.uniform(-1, 1, (3, *shape)).astype(np.float32)


@pytest.mark.parametrize("file", ["h5", "h5 of Keras 3", "keras", "keras without names"])
def test_from_keras_computes_the_same(model, file, rng, tmp_path):
    config, weights = model
    match file:
        case "h5":
            path = write_h5(tmp_path / "net.h5", weights, config)
        case "h5 of Keras 3":
            path = write_h5(tmp_path / "net.h5", weights, functional_3(config), suffix="")
        case _:
            path = write_keras(tmp_path / "net.keras", weights, functional_3(config), named=file == "keras")
    x = images(rng, config)
    net = CNN.from_keras(path)
    out = net(nchw(x))
    assert out.std(axis=0).min() > 1e-4  # images are told apart
    np.testing.assert_allclose(out, reference(torch, config, weights, x), **TOLERANCE)


@pytest.mark.parametrize("file", ["h5", "weights h5", "weights.h5", "weights.h5 without names", "keras"])
def test_load_keras_gives_the_network_of_from_keras(model, file, rng, tmp_path):
    config, weights = model
    original = CNN.from_keras(write_h5(tmp_path / "whole.h5", weights, config))
    kinds = {each["name"]: each["class_name"] for each in config["config"]["layers"]}
    match file:
        case "h5":
            path = tmp_path / "whole.h5"
        case "weights h5":
            path = write_h5(tmp_path / "net.h5", weights)
        case "keras":
            path = write_keras(tmp_path / "net.keras", weights, config)
        case _:
            if any(len(arrays) == 3 for name, arrays in weights.items() if name == "n1"):
                pytest.skip("three arrays without a name are refused, see below")
            path = write_weights_h5(tmp_path / "net.weights.h5", weights, kinds, named=file == "weights.h5")
    net = CNN.from_toml(original.to_toml(), seed=3)
    net.load_keras(path)
    x = nchw(images(rng, config))
    np.testing.assert_array_equal(net(x), original(x))


def test_depthwise_kernels_are_named_kernel_in_keras_3(rng, tmp_path):
    config, shapes = xception()
    weights = random_weights(rng, config, shapes)
    net = CNN.from_keras(write_h5(tmp_path / "net.h5", weights, config))
    renamed = {"kernel": weights["d1"]["depthwise_kernel"], "bias": weights["d1"]["bias"]}
    other = CNN.from_toml(net.to_toml(), seed=3)
    other.load_keras(write_h5(tmp_path / "new.h5", weights | {"d1": renamed}, functional_3(config)))
    assert other.fingerprint() == net.fingerprint()


def test_sequential_without_an_input_layer(rng, tmp_path):
    config, shapes = lenet()
    weights = random_weights(rng, config, shapes)
    layers = [dict(each) for each in config["config"]["layers"][1:]]
    layers[0]["config"] = layers[0]["config"] | {"batch_input_shape": [None, 11, 9, 3]}
    sequential = {"class_name": "Sequential", "config": {"name": "chain", "layers": layers}}
    net = CNN.from_keras(write_h5(tmp_path / "net.h5", weights, sequential))
    x = images(rng, config)
    assert (net.name, net.input_shape, net.graph.is_chain) == ("chain", (3, 11, 9), True)
    np.testing.assert_allclose(net(nchw(x)), reference(torch, config, weights, x), **TOLERANCE)


def test_settings_of_batch_normalisation(rng, tmp_path):
    config, shapes = lenet()
    net = CNN.from_keras(write_h5(tmp_path / "net.h5", random_weights(rng, config, shapes), config))
    (norm,) = (layer for layer in net.layers if hasattr(layer, "running_var"))
    assert (norm.eps, round(norm.momentum, 6)) == (
        0.01,
        0.2,
    )  # the weight of the new batch here, of the old value in Keras


def one(*layers, shapes=None, size=(5, 4, 3)):
    """A functional model with these layers in a chain, and a pooling layer behind."""
    chain, before = [image(*size)], "image"
    for kind, config in layers:
        chain.append(layer(kind, f"l{len(chain)}", [before], **config))
        before = chain[-1]["name"]
    config = functional(*chain)
    return config, random_weights(np.random.default_rng(0), config, shapes or {})


ACTIVATIONS = (
    "relu", "relu6", "tanh", "sigmoid", "swish", "gelu", "leaky_relu", "hard_sigmoid",
)  # fmt: skip
SINGLE = {
    **{name: one(("Activation", {"activation": name})) for name in ACTIVATIONS},
    "average, same": one(("AveragePooling2D", {"pool_size": [3, 2], "strides": [2, 2], "padding": "same"})),
    "global maximum": one(("GlobalMaxPooling2D", {})),
    "padding": one(("ZeroPadding2D", {"padding": [[1, 0], [0, 2]]})),
    "LeakyReLU": one(("LeakyReLU", {"alpha": 0.3})),
    "ReLU with a limit": one(("ReLU", {"max_value": 0.5})),
    "PReLU": one(("PReLU", {"shared_axes": [1, 2]}), shapes={"l1": {"alpha": (1, 1, 3)}}),
    "gate": one(("GlobalAveragePooling2D", {}), ("Reshape", {"target_shape": [1, 1, 3]})),
    "image of features": one(
        ("GlobalAveragePooling2D", {}),
        ("Dense", {"units": 30, "activation": "relu"}),
        ("Reshape", {"target_shape": [2, 3, 5]}),
        shapes={"l2": {"kernel": (3, 30), "bias": (30,)}},
    ),
    "normalised features": one(
        ("Flatten", {}),
        ("BatchNormalization", {}),
        ("Dense", {"units": 2}),
        shapes={
            "l2": dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (60,)),
            "l3": {"kernel": (60, 2), "bias": (2,)},
        },
    ),
    "log-softmax": one(("GlobalAveragePooling2D", {}), ("Activation", {"activation": "log_softmax"})),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_layers(name, rng, tmp_path):
    config, weights = SINGLE[name]
    x = 3 * images(rng, config)
    net = CNN.from_keras(
        write_h5(tmp_path / "net.h5", {"image": {}, "l9": {"kernel": np.zeros((1, 1))}, **weights}, config)
    )
    np.testing.assert_allclose(net(nchw(x)), nchw(reference(torch, config, weights, x)), **TOLERANCE)


def test_all_unsupported_layers_are_named(tmp_path):
    config, weights = one(
        ("Lambda", {}),
        ("Conv2D", {"filters": 2, **window((1, 1))}),
        ("UpSampling2D", {}),
        ("GlobalAveragePooling2D", {}),
    )
    path = write_h5(tmp_path / "net.h5", {"l9": {"kernel": np.zeros((1, 1))}, **weights}, config)
    with pytest.raises(CheckpointError, match=r"cannot build: Lambda 'l1' \(.*\), UpSampling2D 'l3' \(.*\)\.$"):
        CNN.from_keras(path)


REFUSED = {
    "data_format": (("MaxPooling2D", {"data_format": "channels_first"}), "data_format 'channels_first'"),
    "axis of a normalisation": (("BatchNormalization", {"axis": 1}), "normalisation over another axis"),
    "axis of a concatenation": (("Concatenate", {"axis": 1}), "axis 1"),
    "activation": (("Activation", {"activation": "mish"}), "activation 'mish'"),
    "function": (("Activation", {"activation": {"class_name": "function", "config": "f"}}), "activation 'function'"),
    "dense layer on pixels": (("Dense", {"units": 3}), "input of more than one axis"),
    "slopes per pixel": (("PReLU", {"shared_axes": None}), "a slope per pixel"),
    "threshold": (("ReLU", {"threshold": 1.0}), "a threshold"),
    "shape": (("Reshape", {"target_shape": [4, 5, 3]}), r"target_shape \[4, 5, 3\]"),
    "an image in one pixel": (("Reshape", {"target_shape": [1, 1, 60]}), r"target_shape \[1, 1, 60\]"),
    "flattened output": (("Flatten", {}), "ends with a flattened image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_without_an_equivalent_are_refused(name, tmp_path):
    chosen, message = REFUSED[name]
    config, weights = one(chosen)
    path = write_h5(tmp_path / "net.h5", {"l9": {"kernel": np.zeros((1, 1))}, **weights}, config)
    with pytest.raises(CheckpointError, match=message):
        CNN.from_keras(path)


def test_three_arrays_of_a_normalisation_without_names_are_refused(rng, tmp_path):
    config, shapes = xception()
    weights = random_weights(rng, config, shapes)
    net = CNN.from_keras(write_h5(tmp_path / "whole.h5", weights, config))
    kinds = {each["name"]: each["class_name"] for each in config["config"]["layers"]}
    path = write_weights_h5(tmp_path / "net.weights.h5", weights, kinds)
    with pytest.raises(
        CheckpointError, match="n1 has 3 arrays without names, expected gamma, beta, moving_mean, moving_variance"
    ):
        net.load_keras(path)


def test_weights_of_another_architecture_are_refused_and_change_nothing(rng, tmp_path):
    nets, files = {}, {}
    for name, build in NETS.items():
        config, shapes = build()
        files[name] = write_h5(tmp_path / f"{name}.h5", random_weights(rng, config, shapes), config)
        nets[name] = CNN.from_keras(files[name])
    before = nets["lenet"].fingerprint()
    with pytest.raises(
        CheckpointError, match=r"xception.h5 does not fit net: it has no layer left for dense2.weights \(6, 5\)"
    ):
        nets["lenet"].load_keras(files["xception"])
    assert nets["lenet"].fingerprint() == before


def test_a_file_of_weights_has_no_architecture(rng, tmp_path):
    config, shapes = lenet()
    path = write_h5(tmp_path / "net.h5", random_weights(rng, config, shapes))
    with pytest.raises(CheckpointError, match=r"has weights only: build the network .* read them with load_keras"):
        CNN.from_keras(path)
