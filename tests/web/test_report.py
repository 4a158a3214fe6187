"""One file to keep: whole, self-contained, and never half-written."""

import json
import re

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, DataError
from jitcnn.layers import Dense, Flatten
from jitcnn.metrics import evaluate
from jitcnn.web import report as report_module
from jitcnn.web.report import write_report


@pytest.fixture
def report(report_file):
    return report_file.read_text()


def test_it_tells_what_was_measured(report, trained):
    models, data = trained
    right = evaluate(models["mnist-cnn"], data.x_test[:90], data.y_test[:90]).correct
    assert f"{right} of 90 test images are read correctly" in report
    assert models["mnist-cnn"].fingerprint() in report
    assert "Conv2D 32→64 3×3 + ReLU" in report
    assert "mnist-cnn: 1 epoch, 90.00% at the end" in report
    titles = re.findall("<h2.*?>(.*?)</h2>", report)
    assert titles == [
        "The net", "How it learnt", "The first filters", "What it takes for what", "The worst mistakes", "What a shift does", "Microscope",
    ]  # fmt: skip


def test_nothing_is_asked_of_a_network(report):
    assert not re.findall(r"https?://|src=\"(?!data:)|href=\"(?!data:)|url\(", report)
    assert "default-src 'none'" in report


def test_specimens_are_of_a_right_answer_a_doubtful_one_and_a_mistake(report, trained):
    images = json.loads(re.search(r'id="specimens">(.*?)</script>', report, re.DOTALL)[1])
    assert len(images) == 3
    assert [layer["label"][0] for layer in images[0]["layers"]] == ["0", "2", "3", "5", "9"]
    shown, read = zip(*[re.match("a (.), read as (.)", image["title"]).groups() for image in images], strict=True)
    assert shown[0] == read[0]
    assert shown[2] != read[2]


def test_a_net_without_filters_or_history_has_fewer_parts(rng, trained, tmp_path):
    model = CNN([Flatten(), Dense(784, 10, rng=rng)], input_shape=(1, 28, 28), name="dense <b>")
    write_report(tmp_path / "dense.html", model, trained[1].limited(20), reach=0)
    text = (tmp_path / "dense.html").read_text()
    assert "The first filters" not in text
    assert "dense &lt;b&gt;" in text
    assert '"0 Flatten' not in text
    assert '"1 Dense 784' in text


def test_layers_that_are_too_large_for_a_page_are_left_out(monkeypatch, trained, tmp_path):
    monkeypatch.setattr(report_module, "MOST_SPECIMEN_NUMBERS", 20)
    models, data = trained
    write_report(tmp_path / "small.html", models["mnist-dense"], data.limited(20), reach=0)
    assert "Microscope" not in (tmp_path / "small.html").read_text()


def test_what_can_not_be_written_is_told_at_once(trained, tmp_path):
    models, data = trained
    with pytest.raises(ConfigError, match=r"written as \.html, got 'report\.pdf': choose such a name"):
        write_report("report.pdf", models["mnist-cnn"], data)
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory; choose another --output"):
        write_report(tmp_path / "no" / "report.html", models["mnist-dense"], data.limited(5), reach=0)
    other = CNN([Flatten(), Dense(784, 3)], input_shape=(1, 28, 28), name="three")
    with pytest.raises(DataError, match="three has 3 classes, digits has 10"):
        write_report(tmp_path / "report.html", other, data)


def test_a_recipe_of_another_version_is_shown_as_it_is(rng, trained, tmp_path):
    model = CNN([Flatten(), Dense(784, 10, rng=rng)], input_shape=(1, 28, 28))
    model.recipe = {"epochs": 3, "of tomorrow": True}
    write_report(tmp_path / "r.html", model, trained[1].limited(5), reach=0)
    assert "of tomorrow" in (tmp_path / "r.html").read_text()
    assert np.isfinite(model.parameters()[0]).all()
