"""The report: complete, self-contained, and written atomically."""

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


def test_report_contains_the_measurements(report, trained):
    models, data = trained
    right = evaluate(models["mnist-cnn"], data.x_test[:90], data.y_test[:90]).correct
    assert f"{right} of 90 test images are classified correctly" in report
    assert models["mnist-cnn"].fingerprint() in report
    assert "Conv2D 32→64 3×3 + ReLU" in report
    assert "mnist-cnn: 1 epoch, final test accuracy 90.00%" in report
    titles = re.findall("<h2.*?>(.*?)</h2>", report)
    assert titles == [
        "Model", "Training curves", "Filters of the first convolution", "Confusion matrix", "Most confident mistakes",
        "Accuracy under shift", "Microscope",
    ]  # fmt: skip


def test_lines_of_the_legend_are_separate(report):
    assert "per image, in float32</p>" in report
    assert '<p class="note">field: receptive field, in pixels' in report


def test_report_makes_no_network_requests(report):
    assert not re.findall(r"https?://|src=\"(?!data:)|href=\"(?!data:)|url\(", report)
    assert "default-src 'none'" in report


def test_specimens_are_a_correct_an_uncertain_and_a_misclassified_image(report, trained):
    images = json.loads(re.search(r'id="specimens">(.*?)</script>', report, re.DOTALL)[1])
    assert len(images) == 3
    assert [layer["label"][0] for layer in images[0]["layers"]] == ["0", "2", "3", "5", "9"]
    shown, read = zip(*[re.match("(.), predicted as (.)", image["title"]).groups() for image in images], strict=True)
    assert shown[0] == read[0]
    assert shown[2] != read[2]


def test_report_of_a_net_without_filters_or_history_has_fewer_sections(rng, trained, tmp_path):
    model = CNN([Flatten(), Dense(784, 10, rng=rng)], input_shape=(1, 28, 28), name="dense <b>")
    write_report(tmp_path / "dense.html", model, trained[1].limited(20), reach=0)
    text = (tmp_path / "dense.html").read_text()
    assert "Filters of the first convolution" not in text
    assert "dense &lt;b&gt;" in text
    assert '"0 Flatten' not in text
    assert '"1 Dense 784' in text


def test_layers_too_large_for_the_page_are_omitted(monkeypatch, trained, tmp_path):
    monkeypatch.setattr(report_module, "MOST_SPECIMEN_NUMBERS", 20)
    models, data = trained
    write_report(tmp_path / "small.html", models["mnist-dense"], data.limited(20), reach=0)
    assert "Microscope" not in (tmp_path / "small.html").read_text()


def test_invalid_path_or_data_raises(trained, tmp_path):
    models, data = trained
    with pytest.raises(ConfigError, match=r"expects a file name that ends in \.html, got 'report\.pdf'"):
        write_report("report.pdf", models["mnist-cnn"], data)
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory; choose another --output"):
        write_report(tmp_path / "no" / "report.html", models["mnist-dense"], data.limited(5), reach=0)
    other = CNN([Flatten(), Dense(784, 3)], input_shape=(1, 28, 28), name="three")
    with pytest.raises(DataError, match="three has 3 classes, digits has 10"):
        write_report(tmp_path / "report.html", other, data)


def test_recipe_of_another_version_is_shown_unchanged(rng, trained, tmp_path):
    model = CNN([Flatten(), Dense(784, 10, rng=rng)], input_shape=(1, 28, 28))
    model.recipe = {"epochs": 3, "of tomorrow": True}
    write_report(tmp_path / "r.html", model, trained[1].limited(5), reach=0)
    assert "of tomorrow" in (tmp_path / "r.html").read_text()
    assert np.isfinite(model.parameters()[0]).all()
