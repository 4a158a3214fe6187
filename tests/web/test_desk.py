"""The page receives the engine's values."""

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


def test_answers_match_the_predictions_of_the_nets(desk, trained, canvas):
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


def test_magnify_matches_the_engine(desk, trained, canvas):
    found = desk.magnify(canvas(3), False, "0", 5, "a")
    x, weights, bias, out = (unpacked(found[name]) for name in ("x", "weights", "bias", "out"))
    np.testing.assert_allclose(out, conv2d(x[None], weights, bias)[0], rtol=1e-5, atol=1e-6)
    assert (found["label"], found["kind"]) == (5, "conv")
    probability = trained[0]["mnist-cnn"].predict_proba(trained[1].x_test[3:4])[0, 5]
    assert found["loss"] == pytest.approx(-np.log(probability), rel=1e-4)
    assert desk.magnify(canvas(3), False, "2", None, "a")["label"] == trained[1].y_test[3]


def test_layer_too_large_to_send_has_no_lens(desk, monkeypatch):
    monkeypatch.setattr(desk_module, "LARGEST_LENS", 18_496)
    assert [lens["place"] for lens in desk.about()["lenses"]] == ["0", "2", "3", "5", "9"]


def test_moved_accuracies_match_evaluate(desk, trained):
    models, data = trained
    found = desk.moved(3, -1, "a")
    images = shift_images(data.x_test[: found["images"]], 3, -1)
    for name, accuracy in found["accuracies"].items():
        assert accuracy == evaluate(models[name], images, data.y_test[: found["images"]]).accuracy
    assert found["accuracies"]["mnist-cnn"] < desk.moved(0, 0, "a")["accuracies"]["mnist-cnn"]


def test_sample_is_a_test_image(desk, trained):
    count = len(trained[1].x_test)
    found = desk.sample(count + 2)
    assert (found["index"], found["label"]) == (2, trained[1].y_test[2])
    assert np.array_equal(unpacked(found["image"]), trained[1].x_test[2])


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda d, c: d.magnify(c, True, "1", None, "a"), ConfigError, "expects one of AvgPool2D, Conv2D, Dense, MaxPool2D, got ReLU"),
        (lambda d, c: d.magnify(c, True, "-1", None, "a"), ConfigError, "expects the place of a layer, such as 0 or 4.conv2, got '-1'"),
        (lambda d, c: d.magnify(c, True, "0.conv1", None, "a"), ConfigError, "got '0.conv1'"),
        (lambda d, c: d.magnify(c, True, "0", 10, "a"), ConfigError, "label must be from 0 to 9, got 10"),
        (lambda d, c: d.moved(0, 15, "a"), ConfigError, "shifted by at most 14 pixels, got 0 and 15"),
        (lambda d, c: d.answers("?", "a"), DataError, "canvas must be 19,600 bytes"),
        (lambda d, c: d.order("a", "pause"), ConfigError, "No training is running: start one first"),
    ],
)  # fmt: skip
def test_invalid_request_raises(desk, canvas, ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask(desk, canvas(0))


@pytest.fixture
def colour_net(rng):
    layers = [Conv2D(3, 2, 3, rng=rng), ReLU(), GlobalAvgPool2D(), Dense(2, 4, rng=rng)]
    return CNN(layers, input_shape=(3, 20, 12), name="colours")


def test_any_image_net_is_accepted(colour_net, rng):
    desk = Desk(colour_net)
    about = desk.about()
    assert (about["scale"], about["baseline"], about["data"], about["can_be_centred"]) == (7, None, None, False)
    assert about["classes"] == ["0", "1", "2", "3"]
    drawn = base64.b64encode(rng.integers(0, 256, 3 * 140 * 84).astype(np.uint8).tobytes()).decode()
    assert len(desk.answers(drawn, "a")["drawn"]["answers"][0]["probabilities"]) == 4
    assert unpacked(desk.magnify(drawn, False, "0", None, "a")["x"]).shape == (3, 20, 12)
    assert "No data set that fits colours" in about["training"]
    with pytest.raises(
        ConfigError, match="No data set that fits colours was found on this machine: choose one with --dataset"
    ):
        desk.start("a", 0.01, 16, True)
    with pytest.raises(ConfigError, match="No test images are loaded"):
        desk.sample(0)
    with pytest.raises(DataError, match="cannot be centred: send centred=false"):
        desk.maps(drawn, True, "a")


def test_unsupported_net_or_baseline_raises(colour_net):
    with pytest.raises(
        ShapeError, match=r"expects a model for images of shape \(1 or 3, H, W\), got cnn for \(2, 9, 9\)"
    ):
        Desk(CNN([Flatten(), Dense(162, 2)], input_shape=(2, 9, 9)))
    with pytest.raises(ShapeError, match=r"The baseline takes \(1, 28, 28\) and has 10 classes"):
        Desk(colour_net, mnist_dense())


def test_baseline_of_the_same_name_gets_a_suffix(trained, canvas):
    model = trained[0]["mnist-dense"]
    desk = Desk(model, mnist_dense(seed=5), trained[1])
    mine, baseline = desk.answers(canvas(0), "a")["drawn"]["answers"]
    assert (mine["net"], baseline["net"]) == ("mnist-dense", "mnist-dense (baseline)")
    assert mine["probabilities"] != baseline["probabilities"]
    assert set(desk.moved(1, 0, "a")["accuracies"]) == {"mnist-dense", "mnist-dense (baseline)"}


def test_old_sessions_are_dropped(desk, canvas):
    for k in range(40):
        desk.answers(canvas(0), f"page {k}")
    assert len(desk._sessions) == 16
