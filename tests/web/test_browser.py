"""The page in a real browser: drawing, shifting, microscope, training, small screens and keyboard."""

import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from jitcnn.functional import conv2d, conv2d_backward
from jitcnn.inspection import inspectable_layers, specimen, specimen_at, trace
from jitcnn.layers import AvgPool2D, Conv2D, Dense, Flatten, MaxPool2D
from jitcnn.net.model import CNN
from jitcnn.web.packing import pack_specimen

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: install the Debian package chromium"),
]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
SEVEN = (
    [(0.28, 0.22), (0.7, 0.22), (0.45, 0.85)],
    [(0.35, 0.52), (0.75, 0.52)],
)  # with a bar, like the sevens of the embedded digits
playwright.expect.set_options(timeout=30_000)  # milliseconds, as for Playwright's other waits; test machines are busy


@contextmanager
def open_browser():
    """A Chromium without a window."""
    with playwright.sync_playwright() as engine:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=QUIET + sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture
def open_page(browser, address):
    """Function that opens the page; fails if the browser console shows an error or warning."""
    complaints, pages = [], []

    def open_one(where=f"{address}/", ready="body[data-ready]", **settings):
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **settings})
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(where)
        page.wait_for_selector(ready)
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []


def draw(page, strokes):
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


def wait_for_text(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text)


def both_sums(page):
    """Sum by hand and engine value, read in one call because the page may update in between."""
    return page.evaluate(
        "['.sum-by-hand', '.engine'].map((name) => Number(document.querySelector(name).dataset.number))"
    )


def test_drawn_seven_is_predicted_and_shifted(open_page):
    page = open_page()
    draw(page, SEVEN)
    wait_for_text(page, "#verdict", "mnist-cnn: 7")
    assert page.locator("[data-reading]").count() == 2
    wait_for_text(page, "#moved-note", "shifted by (0, 0)")
    page.focus("#pad")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_for_text(page, "#offset", "4, 0")
    wait_for_text(page, "#moved-note", "shifted by (4, 0)")
    cnn, dense = (float(bar.get_attribute("data-accuracy")) for bar in page.locator("#moved-bars .track").all())
    assert cnn > dense
    page.click("#clear")
    wait_for_text(page, "#verdict", "Draw something")


def test_microscope_sum_matches_the_engine(open_page, trained):
    page = open_page()
    draw(page, SEVEN)
    wait_for_text(page, "#verdict", "mnist-cnn: 7")
    output = page.locator(".planes canvas").nth(2)
    for layer, terms in (("0", 9), ("3", 288)):
        page.select_option("#scope-layer", layer)
        playwright.expect(page.locator(".terms")).to_have_text(str(terms))
        output.focus()
        page.keyboard.press("ArrowDown")
        by_hand, engine = both_sums(page)
        assert by_hand == pytest.approx(engine, rel=1e-4, abs=1e-5)
    conv = trained[0]["mnist-cnn"].layers[0]
    page.select_option("#scope-layer", "0")
    playwright.expect(page.locator(".terms")).to_have_text("9")
    page.locator(".planes canvas").nth(1).click()
    wait_for_text(page, ".told h3", "d_weights[0, 0, 1, 1] = Σ x · d_out")
    assert f"{conv.weights[0, 0, 1, 1]:.4g}".lstrip("-0") in page.inner_text(".told > p:first-of-type")
    page.locator(".planes canvas").nth(0).click()
    wait_for_text(page, ".told h3", "d_x[0, ")
    page.select_option("#scope-layer", "2")
    wait_for_text(page, ".told h3", "d_x[0, ")
    output.click()
    wait_for_text(page, ".told > p:first-of-type", "receives the whole gradient")
    page.locator(".matrix canvas").click()
    wait_for_text(page, ".matrix summary", "Position in the im2col matrix")
    page.select_option("#scope-layer", "9")  # Dense, with 1-D input
    playwright.expect(page.locator(".terms")).to_have_text("128")
    page.locator(".planes canvas").nth(1).click()
    wait_for_text(page, ".told h3", "d_weights[0, 0, 0, 63] = Σ x · d_out")
    output.focus()
    page.keyboard.press("ArrowRight")  # to the next output; all are shown in one row
    page.keyboard.press("ArrowRight")
    wait_for_text(page, ".told h3", "out[2, 0, 0] = bias + Σ x · weight")


def test_microscope_is_hidden_while_empty(browser, address):
    page = browser.new_page()
    page.route("**/api/magnify", lambda route: route.abort())
    page.goto(f"{address}/")
    wait_for_text(page, "#error", "The server does not respond")
    assert page.locator("#scope-host canvas:visible").count() == 0
    page.unroute("**/api/magnify")
    page.click("#clear")
    page.click("text=Show gradients")
    wait_for_text(page, ".planes figcaption >> nth=0", "Gradient of the input")
    page.close()


def every_number(page, found):
    """Largest difference between the page's sums and the engine's values, over a whole specimen."""
    return page.evaluate(
        """async (packed) => {
            const { unpackAll } = await import("jitcnn/arrays.js");
            const micro = await import("jitcnn/microscope.js");
            const s = unpackAll(packed);
            let worst = 0;
            let count = 0;
            const compare = ({ sum, engine }) => { worst = Math.max(worst, Math.abs(sum - engine)); count += 1; };
            const each = ([A, B, C], ask) => {
                for (let a = 0; a < A; a++) for (let b = 0; b < B; b++) for (let c = 0; c < C; c++) ask(a, b, c);
            };
            const isConv = s.kind === "conv";
            each(s.out.shape, (c, h, w) => compare((isConv ? micro.outputPixel : micro.pooledPixel)(s, c, h, w)));
            each(s.x.shape, (c, h, w) => compare((isConv ? micro.inputPixel : micro.pooledInput)(s, c, h, w)));
            if (isConv) for (let co = 0; co < s.weights.shape[0]; co++) {
                each(s.weights.shape.slice(1), (ci, kh, kw) => compare(micro.weight(s, co, ci, kh, kw)));
            }
            return { worst, count };
        }""",
        pack_specimen(found),
    )


def test_microscope_matches_the_engine_for_unusual_layers(open_page, rng):
    layers = [
        Conv2D(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, rng=rng),
        MaxPool2D(3, 2, 1), AvgPool2D(2, 1, 1), Conv2D(6, 2, 2, padding="same", use_bias=False, rng=rng), Flatten(),
        Dense(2 * 4 * 7, 5, rng=rng), Dense(5, 3, rng=rng),
    ]  # fmt: skip
    model = CNN(layers, input_shape=(4, 11, 9))
    stages = trace(model, rng.standard_normal((1, 4, 11, 9)).astype(np.float32), labels=np.array([1]))
    page = open_page()
    for place in inspectable_layers(model):
        stage = stages[int(place)]
        found = every_number(page, specimen_at(place, stages))
        assert found["count"] >= stage.x.size + stage.out.size
        assert found["worst"] < 1e-5, stage.layer.label


def test_specimen_matches_functional(trained):
    """The engine values that the page shows equal those of ``functional``."""
    model, data = trained[0]["mnist-cnn"], trained[1]
    conv = specimen(trace(model, data.x_test[:1], labels=data.y_test[:1])[3])
    np.testing.assert_allclose(conv.out, conv2d(conv.x[None], conv.weights, conv.bias)[0], rtol=1e-4, atol=1e-5)
    d_x, d_weights, _ = conv2d_backward(conv.d_out[None], conv.x[None], conv.weights)
    np.testing.assert_allclose(conv.d_weights, d_weights, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(conv.d_x, d_x[0], rtol=1e-3, atol=1e-6)


def test_two_browsers_are_independent(open_page, browser, address):
    page, other = open_page(), browser.new_context().new_page()
    other.goto(f"{address}/")
    other.wait_for_selector("body[data-ready]")
    other.click("#sample")
    wait_for_text(other, "#verdict", "mnist-cnn: ")
    read = other.inner_text("#verdict")
    draw(page, SEVEN)
    other.select_option("#scope-layer", "3")
    wait_for_text(page, "#verdict", "mnist-cnn: 7")
    playwright.expect(other.locator(".terms")).to_have_text("288")
    assert other.inner_text("#verdict") == read
    assert page.inner_text(".terms") == "9"
    other.context.close()


def test_training_is_started_adjusted_and_stopped(open_page):
    page, other = open_page(), open_page()
    page.click("#anew")
    status = page.locator("#training-status")
    playwright.expect(status).to_have_attribute("data-status", "running")
    page.evaluate(
        "document.getElementById('rate').value = -1; document.getElementById('rate').dispatchEvent(new Event('input'))"
    )
    wait_for_text(page, "#training-status", "learning rate 0.1")
    page.click("#pause")
    playwright.expect(status).to_have_attribute("data-status", "paused")
    assert page.locator("#filters canvas").count() == 4
    assert page.locator("#loss-chart path").count() == 1
    page.click("#stop")
    playwright.expect(status).to_have_attribute("data-status", "stopped")
    assert "Not started" in other.inner_text("#training-status")


def test_page_fits_a_phone_and_dark_mode(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme="dark", has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.tap("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.tap("#sample")
    wait_for_text(page, "#verdict", "mnist-cnn: ")


def test_unreachable_server_is_reported(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/")
    page.wait_for_selector("body[data-ready]")
    page.route("**/api/answers", lambda route: route.abort())
    page.click("#clear")
    wait_for_text(page, "#error", "The server does not respond: is `jitcnn play` still running?")
    page.unroute("**/api/answers")
    page.click("#clear")
    playwright.expect(page.locator("#error")).to_be_hidden()
    page.close()


def test_report_works_offline(open_page, report_file):
    page = open_page(report_file.as_uri(), ".told output")
    page.select_option("#layer", label="3 Conv2D 32→64 3×3")
    page.select_option("#image", index=2)
    by_hand, engine = both_sums(page)
    assert by_hand == pytest.approx(engine, rel=1e-4, abs=1e-5)
    assert page.inner_text(".terms") == "288"
    loaded = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def test_page_works_by_keyboard_only(open_page):
    page = open_page()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.textContent || document.activeElement.tagName"
            )
        )
        if reached[-1] == "pad":
            page.keyboard.press(" ")
            for key in "ddddaassssssss":
                page.keyboard.press(key)
            wait_for_text(page, "#verdict", "mnist-cnn: ")
        if reached[-1] == "Inspect":
            page.keyboard.press("Enter")
            break
    assert page.evaluate("document.activeElement.id") == "scope-layer"
    assert {"theme", "pad", "clear", "sample", "picture"} <= set(reached)


def test_latest_stroke_is_predicted(open_page):
    page = open_page()
    draw(page, SEVEN)
    wait_for_text(page, "#verdict", "mnist-cnn: 7")
    page.click("#clear")
    draw(page, SEVEN)
    wait_for_text(page, "#verdict", "mnist-cnn: 7")
    assert float(page.get_attribute("#latency", "data-milliseconds")) > 0
