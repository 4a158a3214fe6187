"""Images with H ≠ W: the page, the report, and every plot of the command line."""

import base64
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw
from web.conftest import serving
from web.test_browser import draw, open_browser, wait_for_text

from jitcnn import CNN, Dataset, fit
from jitcnn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from jitcnn.web.desk import Desk
from jitcnn.web.drawing import as_drawn, can_be_centred, canvas_scale, centred
from jitcnn.web.report import write_report
from jitcnn_cli.main import cli

pytestmark = pytest.mark.compiled

WIDE, COLOURED, TALL = (1, 20, 32), (3, 24, 40), (1, 32, 12)
SHAPES = pytest.mark.parametrize("shape", [WIDE, COLOURED, TALL], ids=lambda shape: "x".join(map(str, shape)))


def trained_on_noise(shape):
    """A model of one convolution, trained for one epoch on random images, and these."""
    C, H, W = shape
    images, labels = np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8), np.arange(40) % 2
    data = Dataset("noise", "drawn", images[:30], labels[:30], images[30:], labels[30:], ("left", "right"))
    layers = [Conv2D(C, 4, (3, 5)), ReLU(), MaxPool2D(2), Flatten(), Dense(4 * ((H - 2) // 2) * ((W - 4) // 2), 2)]
    model = CNN(layers, input_shape=shape, name="wide")
    fit(model, data, epochs=1, seed=0)
    return model, data


@pytest.fixture(scope="module")
def trained_models():
    return {shape: trained_on_noise(shape) for shape in (WIDE, COLOURED, TALL)}


def on_pad(image, scale):
    """A test image as the page sends it."""
    enlarged = image.transpose(1, 2, 0).repeat(scale, axis=0).repeat(scale, axis=1)
    return base64.b64encode(np.ascontiguousarray(enlarged).tobytes()).decode()


@SHAPES
def test_page_shows_values_of_the_image_that_it_sent(shape, trained_models):
    model, data = trained_models[shape]
    desk = Desk(model, None, data)
    desk.warm_up()
    assert desk.about()["input_shape"] == list(shape)
    sent = on_pad(data.x_test[3], desk.scale)
    found = desk.answers(sent, "a")["drawn"]
    assert found["image"]["shape"] == list(shape)
    assert base64.b64decode(found["image"]["data"]) == data.x_test[3].tobytes()
    np.testing.assert_allclose(
        found["answers"][0]["probabilities"], model.predict_proba(data.x_test[3:4])[0], rtol=1e-4
    )
    layers = desk.maps(sent, False, "a")["layers"]
    assert layers[0]["shape"] == [4, shape[1] - 2, shape[2] - 4]
    assert desk.magnify(sent, False, "0", 1, "a")["x"]["shape"] == list(shape)
    assert desk.sample(2)["image"]["shape"] == list(shape)
    assert desk.moved(3, -2, "a")["images"] == 10


def test_longer_side_of_the_pad_is_about_140_pixels(trained_models):
    assert [canvas_scale(trained_models[shape][0]) for shape in (WIDE, COLOURED, TALL)] == [4, 4, 4]


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_drawing_is_centred_in_both_directions(shape, trained_models):
    model, _ = trained_models[shape]
    _, H, W = shape
    assert can_be_centred(model)
    canvas = np.zeros((1, 4 * H, 4 * W), np.uint8)
    canvas[0, 4:20, 4:12] = 255
    image = centred(canvas, model)
    assert image.shape == (1, *shape)
    rows, columns = np.indices((H, W))
    ink = image[0, 0].astype(float)
    assert (ink * rows).sum() / ink.sum() == pytest.approx((H - 1) / 2, abs=1)
    assert (ink * columns).sum() / ink.sum() == pytest.approx((W - 1) / 2, abs=1)
    assert centred(np.zeros_like(canvas), model).shape == as_drawn(canvas, 4).shape == (1, *shape)


def test_report_has_every_picture(trained_models, tmp_path):
    model, data = trained_models[TALL]
    write_report(tmp_path / "report.html", model, data, reach=1)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "could not be drawn" not in page
    for title in ("Filters of the first convolution", "Confusion matrix", "Accuracy under shift"):
        assert title in page


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("maps", WIDE),
        ("receptive", TALL),
        ("saliency", WIDE),
        ("occlusion", COLOURED),
        ("gradcam", TALL),
        ("maps", COLOURED),
    ],
    ids=lambda value: value if isinstance(value, str) else "x".join(map(str, value)),
)
def test_plots_of_an_image_are_written(kind, shape, trained_models, runner, tmp_path):
    model, _ = trained_models[shape]
    model.save(tmp_path / "model.npz")
    picture = Image.new("RGB", (70, 50), "white")
    ImageDraw.Draw(picture).line([(20, 10), (50, 15), (30, 40)], "black", 6)
    picture.save(tmp_path / "image.png")
    output = str(tmp_path / "plot.png")
    arguments = ["plot", kind, str(tmp_path / "model.npz"), str(tmp_path / "image.png"), "--output", output]
    result = runner.invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    with Image.open(output) as drawn:
        assert drawn.format == "PNG"


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    for k, pixels in enumerate(np.random.default_rng(2).integers(0, 256, (12, 50, 70, 3), np.uint8)):
        path = folder / ("left", "right")[k % 2] / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.mark.parametrize("command", [["plot", "confusion"], ["plot", "mistakes"], ["shift", "--reach", "1", "--model"]])
def test_plots_of_a_folder_are_written(command, trained_models, runner, tmp_path, image_folder):
    model, _ = trained_models[COLOURED]
    model.save(tmp_path / "model.npz")
    output = str(tmp_path / "plot.png")
    arguments = [*command, str(tmp_path / "model.npz"), "--dataset", str(image_folder), "--output", output]
    result = runner.invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    with Image.open(output) as picture:
        assert picture.format == "PNG"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_page_keeps_the_proportions(trained_models):
    complaints = []
    with open_browser() as browser:
        for shape in (COLOURED, TALL):
            model, data = trained_models[shape]
            with serving(Desk(model, None, data)) as address:
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                page.on("console", lambda message: complaints.append(message.text))
                page.on("pageerror", lambda error: complaints.append(str(error)))
                page.goto(f"{address}/")
                page.wait_for_selector("body[data-ready]")
                check_proportions(page, *shape[1:])
                page.close()
    assert complaints == []


def check_proportions(page, H, W):
    """Pad, small image and pen of a model for images (C, H, W)."""
    page.click("#sample")
    wait_for_text(page, "#verdict", "wide: ")
    pad, small = (page.locator(name).first.bounding_box() for name in ("#pad", ".reading canvas"))
    assert pad["width"] / pad["height"] == pytest.approx(W / H, rel=0.02)
    assert max(pad["width"], pad["height"]) < 400  # 24 rem, also if it is tall
    assert small["width"] / small["height"] == pytest.approx(W / H, rel=0.08)  # with a border of a pixel
    page.click("#clear")
    wait_for_text(page, "#verdict", "Draw something")
    draw(page, [[(0.4, 0.5), (0.41, 0.5)]])
    wait_for_text(page, "#verdict", "wide: ")
    thickness = page.evaluate(
        """() => {
            const pad = document.getElementById("pad");
            const { data } = pad.getContext("2d").getImageData(Math.floor(0.4 * pad.width), 0, 1, pad.height);
            return Array.from({ length: pad.height }, (_, row) => data[4 * row] + data[4 * row + 1] + data[4 * row + 2])
                .filter((value) => value > 200).length;
        }"""
    )
    assert thickness == pytest.approx(4 * min(H, W) / 13, abs=2)
