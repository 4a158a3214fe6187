"""Architecture files: TOML to layers and back, and error messages."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jitcnn import CNN, BlurPool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from jitcnn.errors import ConfigError, DTypeError, JitCNNError, ShapeError
from jitcnn.graph import Graph
from jitcnn.initializers import Blank
from jitcnn.layers import LAYERS, Layer
from jitcnn.models import mnist_cnn
from jitcnn.net.architecture import parse_net, read_net
from jitcnn.net.writing import to_toml

ROOT = Path(__file__).parents[1]
MY_NET = """\
name = "mine"
input_shape = [1, 9, 8]
classes = 4

[[layer]]
kind = "Conv2D"
out_channels = 3
kernel_size = [4, 2]
padding = "same"

[[layer]]
kind = "ReLU"

[[layer]]  # halves
kind = "MaxPool2D"

[[layer]]
kind = "Flatten"

[[layer]]
kind = "Dense"
out_features = 4
"""


def build(text, **settings):
    return CNN.from_toml(parse_net(text, "my_net.toml"), **settings)


def test_channels_and_features_are_inferred_from_the_input_shape():
    net = build(MY_NET)
    assert (net.name, net.input_shape) == ("mine", (1, 9, 8))
    expected = [Conv2D(1, 3, (4, 2), padding="same"), ReLU(), MaxPool2D(), Flatten(), Dense(48, 4)]
    assert repr(net.layers) == repr(expected)
    assert net.forward(np.zeros((2, 1, 9, 8), np.float32)).shape == (2, 4)


def test_seed_implementation_and_dtype_reach_every_layer():
    net = build(MY_NET, seed=3, impl="im2col", dtype=np.float64)
    assert [net.layers[0].impl, net.layers[2].impl] == ["im2col", "im2col"]
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(
        net.layers[0].weights, Conv2D(1, 3, (4, 2), rng=rng, dtype=np.float64).weights, strict=True
    )
    np.testing.assert_array_equal(net.layers[4].weights, Dense(48, 4, rng=rng, dtype=np.float64).weights, strict=True)


def test_round_trip_gives_identical_weights():
    described = build(mnist_cnn().to_toml(), seed=5)
    for mine, its in zip(described.parameters(), mnist_cnn(seed=5).parameters(), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_description_matches_hand_written_toml():
    text = build(MY_NET).to_toml()
    written = MY_NET.replace("  # halves", "")
    settings = 'stride = 1\npadding = "same"\ndilation = 1\ngroups = 1\nuse_bias = true'
    written = written.replace('padding = "same"', settings)
    assert text == written.replace('"MaxPool2D"', '"MaxPool2D"\npool_size = 2\nstride = 2\npadding = 0')


LAYER_LISTS = [
    [Conv2D(2, 3, (4, 1), (1, 2), (0, 3)), MaxPool2D(3, 1, "valid"), BlurPool2D(4, (2, 1)), ReLU()],
    [Flatten(), Dense(2, 3)],
]


@pytest.mark.parametrize("layers", LAYER_LISTS)
def test_without_input_shape_every_setting_is_written(layers):
    text = to_toml("open", None, Graph.chain(layers))
    assert "input_shape" not in text
    assert "classes" not in text
    net = build(text)
    assert repr(net.layers) == repr(layers)
    assert net.input_shape is None


@pytest.mark.parametrize("name", ["", "é → ∞ 🙂", 'quote " and \\', "line\nbreak\x7f\x00", "'''"])
def test_name_round_trip(name):
    assert parse_net(to_toml(name, None, Graph.chain([ReLU()]))).name == name


class Exotic(Layer):
    """A custom layer: settings of every type, one of them inferred."""

    input_axes = ("features",)
    config_names = ("features", "rate", "names", "on", "size", "nothing")

    def __init__(self, features, rate, names=(), on=True, size=(2, 2), nothing=None):
        self.features, self.rate, self.names, self.on, self.size, self.nothing = (
            features,
            rate,
            names,
            on,
            size,
            nothing,
        )
        if rate > 1:
            raise ConfigError(f"rate must be at most 1, got {rate}.")

    def forward(self, x, training=True):
        return x

    def backward(self, d_out):
        return d_out

    def output_shape(self, input_shape):
        return input_shape


@pytest.fixture
def exotic(monkeypatch):
    monkeypatch.setitem(LAYERS, "Exotic", Exotic)
    return '[[layer]]\nkind = "Exotic"\n'


@pytest.mark.parametrize("rate", [1e-05, 0.1, np.float64(0.1), -1e300, float("-inf"), np.int64(1)])
def test_settings_round_trip(rate, exotic):
    layer = Exotic(7, rate, ("a", "b"), False, (2, 2))
    (back,) = build(to_toml("net", (7,), Graph.chain([layer]))).layers
    assert (back.features, back.rate, tuple(back.names), back.on) == (7, rate, ("a", "b"), False)
    assert (tuple(back.size), back.nothing) == ((2, 2), None)


def test_setting_without_toml_type_raises():
    with pytest.raises(ConfigError, match="written as TOML, got <object"):
        to_toml("net", (7,), Graph.chain([Exotic(7, 0.1, on=object())]))


def test_constructor_error_names_the_layer_and_settings(exotic):
    with pytest.raises(ConfigError, match=r"layer 1 of 1 \(Exotic\) cannot be built with {'rate': 'much'}: '>' not"):
        build(f'input_shape = [3]\n{exotic}rate = "much"')


@pytest.mark.parametrize("kind", LAYERS.values())
def test_config_names_and_input_axes_match_the_signature(kind):
    from inspect import signature

    settings = signature(kind).parameters
    assert set(kind.config_names) <= set(settings)
    for name in ("in_channels", "in_features", "channels", "features"):
        assert (name in settings) == (name in kind.input_axes)


@pytest.mark.parametrize(
    ("page", "name"), [("guides/own-model.md", "my_net.toml"), ("reference/file-formats.md", "every_kind.toml")]
)
def test_documented_examples_can_be_built(page, name):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (example,) = re.findall(rf"```{{code-block}} toml\n:caption: {name}\n(.*?)```", text, re.DOTALL)
    net = build(example)
    assert net.forward(np.zeros((2, *net.input_shape), np.float32)).shape == (2, 10)


class Block(Layer):
    """Two convolutions in one layer, as in a residual block."""

    input_axes = ("in_channels", "H", "W")
    config_names = ("in_channels", "out_channels")

    def __init__(self, in_channels, out_channels, *, impl="auto", rng=None, dtype=np.float32):
        self.in_channels, self.out_channels = in_channels, out_channels
        self.first = Conv2D(in_channels, out_channels, 3, padding=1, impl=impl, rng=rng, dtype=dtype)
        self.second = Conv2D(out_channels, out_channels, 3, padding=1, impl=impl, rng=rng, dtype=dtype)

    def inner(self):
        return {"first": self.first, "second": self.second}

    def forward(self, x, training=True):
        return self.second.forward(self.first.forward(x))

    def backward(self, d_out):
        return self.first.backward(self.second.backward(d_out))

    def output_shape(self, input_shape):
        return self.second.output_shape(self.first.output_shape(input_shape))

    def multiply_adds(self, input_shape):
        return self.first.multiply_adds(input_shape) + self.second.multiply_adds(self.first.output_shape(input_shape))

    def activations(self, input_shape):
        return 2 * super().activations(input_shape)


def test_composite_layer_is_one_table_and_one_summary_row(monkeypatch, tmp_path):
    monkeypatch.setitem(LAYERS, "Block", Block)
    net = build('input_shape = [2, 5, 4]\n[[layer]]\nkind = "Block"\nout_channels = 3', seed=4, impl="im2col")
    assert net.layers[0].second.impl == "im2col"
    (row,) = net.summary_rows()
    assert (row.parameter_count, row.multiply_adds) == (9 * 3 * (2 + 3) + 6, 9 * 3 * (2 + 3) * 20)
    assert row.activation_bytes == 4 * 2 * 3 * 20
    assert net.to_toml().count("[[layer]]") == 1
    net.save(tmp_path / "block.npz")
    loaded = CNN.load(tmp_path / "block.npz")
    for mine, its in zip(loaded.parameters(), net.parameters(), strict=True):
        np.testing.assert_array_equal(mine, its)


# --- errors -------------------------------------------------------------------------------------------

CHANGES = [
    ("[1, 9, 8]", "[1, 9, 8", ConfigError, r"my_net.toml is not valid TOML: Unclosed array \(at line 3, column 1\)"),
    (
        "classes = 4",
        "clases = 4",
        ConfigError,
        r"my_net.toml: unknown key 'clases'; valid keys above the \[\[layer\]\] tables",
    ),
    ("[1, 9, 8]", "28", ConfigError, r"input_shape must be a list such as \[1, 28, 28\], got 28"),
    ("[1, 9, 8]", "[]", ConfigError, r"input_shape must be a list such as \[1, 28, 28\], got \[\]"),
    ("[1, 9, 8]", "[1, true, 8]", ConfigError, "every size in input_shape must be an integer .* got True"),
    ("classes = 4", "classes = 0", ConfigError, "classes must be an integer of at least 1, got 0"),
    ('"mine"', "7", ConfigError, "name must be a string, got 7"),
    (MY_NET, 'name = "empty"', ConfigError, r"expected at least one \[\[layer\]\] table, got None"),
    (MY_NET, "layer = [1]", ConfigError, r"expected at least one \[\[layer\]\] table, got \[1\]"),
    ('kind = "Conv2D"\n', "", ConfigError, "my_net.toml, line 5: layer 1 of 5 has no kind: add a line"),
    (
        '"ReLU"',
        '"Relu"',
        ConfigError,
        "line 11: layer 2 of 5: unknown layer 'Relu' .did you mean 'ReLU'..; choose one of GELU",
    ),
    ('"ReLU"', "3", ConfigError, "unknown layer 3; choose one of"),
    (
        "out_features",
        "features",
        ConfigError,
        r"line 20: layer 5 of 5 \(Dense\): unknown key .*; valid keys are out_features",
    ),
    (
        "kernel_size",
        "kernelsize",
        ConfigError,
        "'kernelsize' .did you mean 'kernel_size'..; valid keys are out_channels, k",
    ),
    ('"ReLU"', '"ReLU"\nslope = 1', ConfigError, "unknown key 'slope'; this layer has no keys"),
    ('"ReLU"', '"ReLU"\nimpl = "auto"', ConfigError, "unknown key 'impl'"),
    (
        "out_features = 4\n",
        "",
        ConfigError,
        r"layer 5 of 5 \(Dense\): out_features is missing; valid keys are out_features",
    ),
    ("out_features = 4", "out_features = 0", ConfigError, r"layer 5 of 5 \(Dense\): out_features must be an integer"),
    ("[4, 2]", '"big"', ConfigError, r"line 5: layer 1 of 5 \(Conv2D\): kernel_size must be an integer"),
    ("[4, 2]", "2020-01-01", ConfigError, "kernel_size must be an integer"),
    ('"same"', "{ left = 1 }", ConfigError, "padding must be"),
    (
        "input_shape = [1, 9, 8]",
        "",
        ConfigError,
        r"\(Conv2D\): in_channels cannot be inferred; add an input_s",
    ),
    (
        "[1, 9, 8]",
        "[9, 8]",
        ShapeError,
        r"line 5: .* \(Conv2D\) expects .* \(N, in_channels, H, W\), got \(N, 9, 8\)\.",
    ),
    (
        '"Flatten"',
        '"ReLU"',
        ShapeError,
        r"line 20: .* \(N, in_features\), got \(N, 3, 4, 4\); add a Flatten layer before it\.",
    ),
    (
        '[4, 2]\npadding = "same"',
        "9",
        ShapeError,
        r"my_net.toml, line 5: layer 1 of 5 \(Conv2D\) does not accept input of shape \(1, 9, 8\): A kernel of size 9",
    ),
    (
        "out_channels = 3",
        "in_channels = 2\nout_channels = 3",
        ShapeError,
        r"input of shape \(1, 9, 8\): Conv2D expects",
    ),
    ("classes = 4", "classes = 10", ShapeError, r"line 20: .*\(Dense\) has output shape \(4,\), expected \(10,\)"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), CHANGES, ids=[str(k) for k in range(len(CHANGES))])
def test_error_message_names_the_location(old, new, error, message):
    assert MY_NET.count(old) == 1
    with pytest.raises(error, match=message) as told:
        build(MY_NET.replace(old, new))
    assert "\n" not in str(told.value)


def test_unknown_impl_or_dtype_raises():
    with pytest.raises(ConfigError, match=r"line 5: layer 1 of 5 \(Conv2D\): impl must be one of"):
        build(MY_NET, impl="gpu")
    with pytest.raises(DTypeError, match="dtype must be float32 or float64"):
        build(MY_NET, dtype=np.int32)


def test_inline_layers_have_no_line_number():
    with pytest.raises(ConfigError, match=r"my_net.toml: layer 1 of 1: unknown layer 'Evil'"):
        build('layer = [{kind = "Evil"}]')


def test_name_defaults_to_the_file_name(tmp_path):
    path = tmp_path / "lenet.toml"
    path.write_text('[[layer]]\r\nkind = "ReLU"\r\n', encoding="utf-8-sig")
    assert read_net(path).name == "lenet"


def test_unreadable_files_raise(tmp_path):
    (tmp_path / "my_net.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="cannot be read as text: 'utf-8' codec"):
        read_net(tmp_path / "my_net.toml")
    with pytest.raises(
        ConfigError, match=r"Expected an .* at .*my_nett.toml, found none .did you mean '.*my_net.toml'..\."
    ):
        read_net(tmp_path / "my_nett.toml")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        read_net(tmp_path)


GROWTH = """
import sys
from pathlib import Path
from jitcnn import CNN
from jitcnn.initializers import Blank
from jitcnn.net.architecture import parse_net

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

settings = parse_net(sys.stdin.read())
before = resident()
net = CNN.from_toml(settings, seed=Blank())
print(net.parameter_count, resident() - before)
"""


def test_blank_weights_are_zero_and_allocate_no_memory():
    """In a process of its own: where a test has left a large free block of the heap, zeros are written into it."""
    assert not any(parameter.any() for parameter in build(MY_NET, seed=Blank()).parameters())
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    text = MY_NET.replace("classes = 4", "").replace("out_features = 4", "out_features = 200000")
    found = subprocess.run([sys.executable, "-c", GROWTH], input=text, capture_output=True, text=True, check=True)
    parameters, grown = map(int, found.stdout.split())
    assert parameters > 9_000_000
    assert grown < 8e6


# --- fuzzing --------------------------------------------------------------------------------------------

VALUES = (
    "1", "2", "3", "0", "-1", "true", "1.5", "nan", "inf", "1e999", '"same"', '"valid"', '"x"', "[1, 2]", "[2, 2]", "[]",
    "[[1]]", "[true, 1]", "{}", "{a = 1}", "1979-05-27", "07:32:00", "4194304", "4194305", "9223372036854775807",
    "0x" + "f" * 300, '["a", "b"]', "1e300", "[4194304, 4194304]",
)  # fmt: skip
SETTINGS = sorted({name for layer in LAYERS.values() for name in layer.config_names} | {"colour", "rng", "kind"})
lines = st.one_of(
    st.sampled_from([*LAYERS, "Evil"]).map(lambda kind: f'[[layer]]\nkind = "{kind}"'),
    st.builds("{} = {}".format, st.sampled_from(SETTINGS), st.sampled_from(VALUES)),
    st.builds("{} = {}".format, st.sampled_from(["name", "input_shape", "classes", "layer"]), st.sampled_from(VALUES)),
    st.sampled_from(["input_shape = [1, 9, 8]", "[layer]", "[[layer]]", "[[layer.layer]]"]),
    st.text(max_size=9),
)


@given(st.lists(lines, max_size=12).map("\n".join))
@settings(max_examples=500, deadline=None)
@example("a." * 30_000 + "b = 1")  # tomllib needs half a minute
@example("input_shape = " + "[" * 900 + "]" * 900)
@example('input_shape = [1, 9, 8]\n[[layer]]\nkind = "BatchNorm2D"\nepsilon = 0x' + "f" * 300)
@example('[[layer]]\nkind = "Conv2D"\nin_channels = 1\nout_channels = 4194304\nkernel_size = 4194304')
def test_any_text_builds_a_net_or_raises_a_project_error(text):
    with suppress(JitCNNError):
        net = CNN.from_toml(parse_net(text), seed=Blank())
        assert net.summary()
        assert build(net.to_toml(), seed=Blank()).to_toml() == net.to_toml()


def test_too_long_name_raises():
    with pytest.raises(ConfigError, match="is too long: an architecture has at most 65,536 characters, 1,000 per line"):
        to_toml("n" * 1000, None, Graph.chain([ReLU()]))
