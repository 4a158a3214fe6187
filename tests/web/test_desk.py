"""What the page is told comes from the engine."""

import base64

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, DataError, ShapeError
from jitcnn.functional import conv2d
from jitcnn.layers import Conv2D, Dense, Flatten, GlobalAvgPool2D, ReLU
from jitcnn.metrics import evaluate
from jitcnn.models import mnist_dense
from jitcnn.shift import shift_images
from jitcnn.web import desk as desk_module
from jitcnn.web.desk import Desk

KINDS = {"float32": np.float32, "int32": np.int32, "uint8": np.uint8}


def unpacked(sent):
    return np.frombuffer(base64.b64decode(sent["data"]), KINDS[sent["dtype"]]).reshape(sent["shape"])


def test_answers_are_those_of_the_nets(desk, trained, canvas):
    models, data = trained
    found = desk.answers(canvas(3), "a")
    assert np.array_equal(unpacked(found["drawn"]["image"]), data.x_test[3])
    for answer in found["drawn"]["answers"]:
        expected = models[answer["net"]].predict_proba(data.x_test[3:4])[0]
        np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)
    assert [answer["net"] for answer in found["centred"]["answers"]] == ["mnist-cnn", "mnist-dense"]


def test_maps_show_every_layer(desk, canvas):
    layers = desk.maps(canvas(3), True, "a")["layers"]
    assert [layer["shape"] for layer in layers] == [list(layer["shape"]) for layer in desk.about()["layers"]]
    planes = unpacked(layers[0]["planes"])
    assert planes.shape == (32, 26, 26)
    assert (planes.min(), planes.max()) == (0, 255)
    assert unpacked(layers[-1]["numbers"]).sum() == pytest.approx(1, abs=1e-5)


def test_the_microscope_shows_the_engine_s_numbers(desk, trained, canvas):
    found = desk.magnify(canvas(3), False, "0", 5, "a")
    x, weights, bias, out = (unpacked(found[name]) for name in ("x", "weights", "bias", "out"))
    np.testing.assert_allclose(out, conv2d(x[None], weights, bias)[0], rtol=1e-5, atol=1e-6)
    assert (found["label"], found["kind"]) == (5, "conv")
    probability = trained[0]["mnist-cnn"].predict_proba(trained[1].x_test[3:4])[0, 5]
    assert found["loss"] == pytest.approx(-np.log(probability), rel=1e-4)
    assert desk.magnify(canvas(3), False, "2", None, "a")["label"] == trained[1].y_test[3]


def test_a_layer_that_is_too_large_to_be_sent_has_no_lens(desk, monkeypatch):
    monkeypatch.setattr(desk_module, "LARGEST_LENS", 18_496)
    assert [lens["place"] for lens in desk.about()["lenses"]] == ["0", "2", "3", "5", "9"]


def test_test_images_are_moved_as_asked(desk, trained):
    models, data = trained
    found = desk.moved(3, -1, "a")
    images = shift_images(data.x_test[: found["images"]], 3, -1)
    for name, accuracy in found["accuracies"].items():
        assert accuracy == evaluate(models[name], images, data.y_test[: found["images"]]).accuracy
    assert found["accuracies"]["mnist-cnn"] < desk.moved(0, 0, "a")["accuracies"]["mnist-cnn"]


def test_a_sample_is_a_test_image(desk, trained):
    count = len(trained[1].x_test)
    found = desk.sample(count + 2)
    assert (found["index"], found["label"]) == (2, trained[1].y_test[2])
    assert np.array_equal(unpacked(found["image"]), trained[1].x_test[2])


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda d, c: d.magnify(c, True, "1", None, "a"), ConfigError, "expects a Conv2D, Dense, MaxPool2D or AvgPool2D, got ReLU"),
        (lambda d, c: d.magnify(c, True, "-1", None, "a"), ConfigError, "expects the place of a layer, such as 0 or 4.conv2, got '-1'"),
        (lambda d, c: d.magnify(c, True, "0.conv1", None, "a"), ConfigError, "got '0.conv1'"),
        (lambda d, c: d.magnify(c, True, "0", 10, "a"), ConfigError, "label must be from 0 to 9, got 10"),
        (lambda d, c: d.moved(0, 15, "a"), ConfigError, "moved by at most 14 pixels, got 0 and 15"),
        (lambda d, c: d.answers("?", "a"), DataError, "canvas must be 19,600 bytes"),
        (lambda d, c: d.order("a", "pause"), ConfigError, "No training is running: start one first"),
    ],
)  # fmt: skip
def test_what_can_not_be_answered_is_told(desk, canvas, ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask(desk, canvas(0))


@pytest.fixture
def colour_net(rng):
    layers = [Conv2D(3, 2, 3, rng=rng), ReLU(), GlobalAvgPool2D(), Dense(2, 4, rng=rng)]
    return CNN(layers, input_shape=(3, 20, 12), name="colours")


def test_any_net_of_images_can_be_played_with(colour_net, rng):
    desk = Desk(colour_net)
    about = desk.about()
    assert (about["scale"], about["baseline"], about["data"], about["can_be_centred"]) == (7, None, None, False)
    assert about["classes"] == ["0", "1", "2", "3"]
    drawn = base64.b64encode(rng.integers(0, 256, 3 * 140 * 84).astype(np.uint8).tobytes()).decode()
    assert len(desk.answers(drawn, "a")["drawn"]["answers"][0]["probabilities"]) == 4
    assert unpacked(desk.magnify(drawn, False, "0", None, "a")["x"]).shape == (3, 20, 12)
    assert "No images that colours could learn from" in about["training"]
    with pytest.raises(
        ConfigError, match="No images that colours could learn from were found on this machine: give --dataset"
    ):
        desk.start("a", 0.01, 16, True)
    with pytest.raises(ConfigError, match="There are no test images"):
        desk.sample(0)
    with pytest.raises(DataError, match="not centred: ask with centred false"):
        desk.maps(drawn, True, "a")


def test_a_net_or_baseline_that_does_not_fit_is_refused(colour_net):
    with pytest.raises(
        ShapeError, match=r"expects a net for images of 1 or 3 channels, \(C, H, W\), got cnn for \(2, 9, 9\)"
    ):
        Desk(CNN([Flatten(), Dense(162, 2)], input_shape=(2, 9, 9)))
    with pytest.raises(ShapeError, match=r"The baseline expects \(1, 28, 28\) and tells 10 classes apart"):
        Desk(colour_net, mnist_dense())


def test_a_baseline_of_the_same_name_is_told_apart(trained, canvas):
    model = trained[0]["mnist-dense"]
    desk = Desk(model, mnist_dense(seed=5), trained[1])
    mine, baseline = desk.answers(canvas(0), "a")["drawn"]["answers"]
    assert (mine["net"], baseline["net"]) == ("mnist-dense", "mnist-dense, the baseline")
    assert mine["probabilities"] != baseline["probabilities"]
    assert set(desk.moved(1, 0, "a")["accuracies"]) == {"mnist-dense", "mnist-dense, the baseline"}


def test_forgotten_pages_make_room(desk, canvas):
    for k in range(40):
        desk.answers(canvas(0), f"page {k}")
    assert len(desk._sessions) == 16
