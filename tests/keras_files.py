"""Write files in the three layouts of Keras with h5py, and compute what Keras would, in NHWC, with torch."""

import json
import re
import zipfile
from io import BytesIO

import h5py
import numpy as np

STRINGS = h5py.string_dtype()


def layer(kind, name, inputs=(), **config):
    """A layer in the architecture of a functional model, as Keras 2 writes it."""
    nodes = [[[each, 0, 0, {}] for each in inputs]] if inputs else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def functional(*layers, name="net"):
    ends = {"input_layers": [[layers[0]["name"], 0, 0]], "output_layers": [[layers[-1]["name"], 0, 0]]}
    return {"class_name": "Functional", "config": {"name": name, "layers": [*layers], **ends}}


def image(H, W, C, name="image"):
    return layer("InputLayer", name, batch_input_shape=[None, H, W, C])


def functional_3(config):
    """The same architecture as Keras 3 writes it."""
    config = json.loads(json.dumps(config))
    for each in config["config"]["layers"]:
        tensors = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": history[:3]}}
            for node in each["inbound_nodes"]
            for history in node
        ]
        if tensors:
            args = tensors if len(tensors) == 1 else [tensors]
            each["inbound_nodes"] = [{"args": args, "kwargs": {"mask": None}}]
        if "batch_input_shape" in each["config"]:
            each["config"]["batch_shape"] = each["config"].pop("batch_input_shape")
    return config


def write_h5(path, weights, config=None, suffix=":0"):
    """HDF5 with groups named after layers: of the whole model, or of its weights if there is no architecture."""
    with h5py.File(path, "w") as root:
        group = root
        if config is not None:
            root.attrs["model_config"] = json.dumps(config)
            group = root.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights] or np.array([], "S1")
        for name, arrays in weights.items():
            within = group.create_group(name)
            for key, array in arrays.items():
                within[f"{name}/{key}{suffix}"] = array
            names = [f"{name}/{key}{suffix}".encode() for key in arrays]
            within.attrs["weight_names"] = names or np.array([], "S1")
    return path


def write_weights_h5(path, weights, kinds, named=True):
    """HDF5 with numbered arrays in ``layers/conv2d_1/vars``; ``kinds`` are the class names of the layers."""
    counts = {}
    with h5py.File(path, "w") as root:
        for name, arrays in weights.items():
            kind = re.sub("([a-z])([A-Z])", r"\1_\2", kinds[name]).lower()
            number = counts[kind] = counts.get(kind, -1) + 1
            group = root.create_group(f"layers/{kind}_{number}/vars" if number else f"layers/{kind}/vars")
            if named:
                group.attrs["name"] = name
            for position, array in enumerate(arrays.values()):
                group[str(position)] = array
    return path


def write_keras(path, weights, config, named=True, compression=zipfile.ZIP_STORED):
    contents = BytesIO()
    kinds = {each["config"]["name"]: each["class_name"] for each in config["config"]["layers"]}
    write_weights_h5(contents, {name: weights.get(name, {}) for name in kinds}, kinds, named)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", contents.getvalue())
    return path


def random_weights(rng, config, shapes):
    """Weights for each layer from the shapes of its kernels; biases and statistics that are not their initial values."""
    weights = {}
    for each in config["config"]["layers"]:
        name = each["config"]["name"]
        weights[name] = {
            key: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for key, shape in shapes.get(name, {}).items()
        }
        if each["class_name"] == "BatchNormalization" and name in shapes:
            C = shapes[name]["moving_mean"]
            weights[name]["moving_variance"] = rng.uniform(0.5, 1.5, C).astype(np.float32)
    return weights


def reference(torch, config, weights, x):
    """The output of a functional model for images x (N, H, W, C)."""
    values, out = {}, None
    for each in config["config"]["layers"]:
        name, settings = each["config"]["name"], each["config"]
        inputs = [values[history[0]] for node in each["inbound_nodes"] for history in node]
        arrays = {key: torch.from_numpy(array) for key, array in weights.get(name, {}).items()}
        x = inputs[0] if inputs else torch.from_numpy(x)
        out = values[name] = ACTIVATIONS[settings.get("activation", "linear")](
            torch, REFERENCES[each["class_name"]](torch, settings, arrays, x, inputs)
        )
    return out.numpy()


def _padded(torch, settings, x, size, value=0.0):
    """x with the padding of "same": as many outputs as strides fit, an odd pixel behind."""
    if settings.get("padding", "valid") == "valid":
        return x
    pads = []
    for axis in (2, 1):
        stride, extent = settings["strides"][axis - 1], size[axis - 1]
        outputs = -(-x.shape[axis] // stride)
        missing = max(0, (outputs - 1) * stride + extent - x.shape[axis])
        pads += [missing // 2, missing - missing // 2]
    return torch.nn.functional.pad(x, (0, 0, *pads), value=value)


def _windows(torch, settings, x, size, value=0.0):
    """All windows, (N, H_out, W_out, C, K_h, K_w)."""
    x = _padded(torch, settings, x, size, value)
    return x.unfold(1, size[0], settings["strides"][0]).unfold(2, size[1], settings["strides"][1])


def _conv(torch, settings, arrays, x, inputs):
    kernel = arrays["kernel"]
    out = torch.einsum("nhwcij,ijco->nhwo", _windows(torch, settings, x, kernel.shape[:2]), kernel)
    return out + arrays.get("bias", 0)


def _depthwise(torch, settings, arrays, x, inputs):
    kernel = arrays.get("depthwise_kernel")
    out = torch.einsum("nhwcij,ijcm->nhwcm", _windows(torch, settings, x, kernel.shape[:2]), kernel).flatten(3)
    if "pointwise_kernel" in arrays:
        out = out @ arrays["pointwise_kernel"][0, 0]
    return out + arrays.get("bias", 0)


def _norm(torch, settings, arrays, x, inputs):
    scale = arrays.get("gamma", 1) / (arrays["moving_variance"] + settings.get("epsilon", 1e-3)).sqrt()
    return (x - arrays["moving_mean"]) * scale + arrays.get("beta", 0)


def _mean(torch, settings, arrays, x, inputs):
    """The mean of the pixels inside the image: padding is not counted."""
    windows = _windows(torch, settings, x, settings["pool_size"], float("nan"))
    return windows.flatten(4).nanmean(-1)


REFERENCES = {
    "InputLayer": lambda torch, settings, arrays, x, inputs: x,
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _depthwise,
    "BatchNormalization": _norm,
    "MaxPooling2D": lambda torch, settings, arrays, x, inputs: _windows(
        torch, settings, x, settings["pool_size"], -float("inf")
    ).amax((-2, -1)),
    "AveragePooling2D": _mean,
    "GlobalAveragePooling2D": lambda torch, settings, arrays, x, inputs: x.mean((1, 2)),
    "GlobalMaxPooling2D": lambda torch, settings, arrays, x, inputs: x.amax((1, 2)),
    "Add": lambda torch, settings, arrays, x, inputs: inputs[0] + inputs[1],
    "Multiply": lambda torch, settings, arrays, x, inputs: inputs[0] * inputs[1],
    "Concatenate": lambda torch, settings, arrays, x, inputs: torch.cat(inputs, -1),
    "Flatten": lambda torch, settings, arrays, x, inputs: x.flatten(1),
    "Dense": lambda torch, settings, arrays, x, inputs: x @ arrays["kernel"] + arrays["bias"],
    "Dropout": lambda torch, settings, arrays, x, inputs: x,
    "Activation": lambda torch, settings, arrays, x, inputs: x,
    "ZeroPadding2D": lambda torch, settings, arrays, x, inputs: torch.nn.functional.pad(
        x, (0, 0, *settings["padding"][1], *settings["padding"][0])
    ),
    "Reshape": lambda torch, settings, arrays, x, inputs: x.reshape(len(x), *settings["target_shape"]),
    "PReLU": lambda torch, settings, arrays, x, inputs: torch.where(x > 0, x, arrays["alpha"] * x),
    "LeakyReLU": lambda torch, settings, arrays, x, inputs: torch.where(x > 0, x, settings["alpha"] * x),
    "ReLU": lambda torch, settings, arrays, x, inputs: x.clamp(0, settings["max_value"]),
}
ACTIVATIONS = {
    "linear": lambda torch, x: x,
    "relu": lambda torch, x: x.clamp(min=0),
    "relu6": lambda torch, x: x.clamp(0, 6),
    "tanh": lambda torch, x: x.tanh(),
    "sigmoid": lambda torch, x: 1 / (1 + (-x).exp()),
    "swish": lambda torch, x: x / (1 + (-x).exp()),
    "gelu": lambda torch, x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "leaky_relu": lambda torch, x: torch.where(x > 0, x, 0.2 * x),
    "hard_sigmoid": lambda torch, x: (0.2 * x + 0.5).clamp(0, 1),
    "softmax": lambda torch, x: x.softmax(-1),
    "log_softmax": lambda torch, x: x.log_softmax(-1),
}
