"""What a notebook shows: models, histories, progress, reports and figures, in a kernel as Jupyter starts it."""

import numpy as np
import pytest

from jitcnn import CNN, Dense, Flatten
from jitcnn.history import Epoch, History
from jitcnn.metrics import Evaluation, evaluate
from jitcnn.plots import new_figure
from jitcnn.training import Estimate, Memory

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = {
    "model": """
import numpy as np
from jitcnn import CNN, Dataset, Dense, Flatten, fit
from jitcnn.data import audit
from jitcnn.plots import confusion_figure

images, labels = np.random.default_rng(0).integers(0, 256, (60, 1, 4, 4), np.uint8), np.arange(60) % 2
data = Dataset("dots", "drawn", images[:40], labels[:40], images[40:], labels[40:])
net = CNN([Flatten(), Dense(16, 2)], input_shape=(1, 4, 4), name="tiny")
net
""",
    "fit": "import jitcnn.training.progress as progress\nprogress.PAUSE = 0\n"
    "history = fit(net, data, epochs=3, batch_size=2, verbose=True)",
    "history": "history",
    "report": "audit(data)",
    "figure": "confusion_figure(np.eye(2, dtype=int), ['cat', 'dog'])",
    "figure with pyplot": "%matplotlib inline\nconfusion_figure(np.eye(2, dtype=int), ['cat', 'dog'])",
    "captured": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as text:\n"
    "    fit(net, data, epochs=1, verbose=True)\ntext.getvalue().count('\\n')",
}


@pytest.fixture(scope="module")
def outputs():
    """Outputs of each cell, after all of them were executed in one kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def only(outputs, name):
    """The data of the only output of a cell, by mime type."""
    (output,) = outputs[name]
    return output["data"]


def test_model_is_a_table(outputs):
    assert only(outputs, "model")["text/html"].startswith("<table><caption>tiny</caption>")


def test_training_is_one_table_that_grows(outputs):
    data = only(outputs, "fit")  # one output, although hundreds of batches were counted
    assert data["text/html"].startswith("<table><caption>Training of tiny</caption>")
    assert data["text/html"].count('<th scope="row">') == 3
    assert "batch" not in data["text/html"]
    assert len([line for line in data["text/plain"].splitlines() if line[:5].strip().isdigit()]) == 3


def test_captured_training_is_lines(outputs):
    assert int(only(outputs, "captured")["text/plain"]) >= 2


def test_history_is_a_table(outputs):
    data = only(outputs, "history")
    assert data["text/html"].startswith("<table><caption>History: 3 epochs, ")
    assert data["text/plain"].startswith("<History: 3 epochs, ")


def test_report_is_tables(outputs):
    data = only(outputs, "report")
    assert data["text/html"].startswith("<table><caption>dots</caption>")
    assert data["text/plain"].startswith("<DataReport dots: ")


@pytest.mark.parametrize("cell", ["figure", "figure with pyplot"])
def test_figure_is_a_picture(outputs, cell):
    data = only(outputs, cell)
    assert {*data} == {"text/plain", "image/png"}
    assert len(data["image/png"]) > 4000


def test_history_table_has_a_row_per_epoch_and_warning():
    epoch = Epoch(1, 0.4, 0.88, 0.3, 0.91, 2.0, 700.0, ("1 of 2 <filters> is dead",))
    html = History([epoch], interrupted=True)._repr_html_()
    assert "<caption>History: 1 epoch, 2.0 s, interrupted</caption>" in html
    assert (
        '<tr><th scope="row">1</th><td>0.4000</td><td>88.00%</td><td>0.3000</td><td>91.00%</td><td>2.0</td></tr>'
        '<tr><td colspan="6" style="text-align: left">1 of 2 &lt;filters&gt; is dead</td></tr>'
    ) in html


def test_evaluation_is_a_table():
    html = Evaluation(loss=0.25, correct=9, total=10, predicted=np.zeros(10, np.int64))._repr_html_()
    assert html.startswith("<table><caption>Evaluation</caption>")
    assert '<tr><th scope="row">accuracy</th><td>90.00% (9 of 10 images correct)</td></tr>' in html
    assert "ECE" not in html


def test_evaluation_of_evaluate_has_all_metrics():
    model = CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2))
    html = evaluate(model, np.zeros((3, 1, 2, 2), np.uint8), np.array([0, 1, 0]))._repr_html_()
    for name in ("accuracy", "loss", "macro F1", "ECE", "Brier score"):
        assert f'<th scope="row">{name}</th>' in html


@pytest.mark.parametrize(("mapped", "shown"), [(0, False), (5_000_000, True)])
def test_estimate_is_a_table(mapped, shown):
    memory = Memory(4_000_000, 1, 1, 1, 1, images=0, reserve=1, mapped=mapped)
    html = Estimate(memory, 10, 0.01, steps_per_epoch=100, evaluation_seconds=0.5, epochs=4)._repr_html_()
    assert '<tr><th scope="row">memory: weights</th><td>4.0 MB</td></tr>' in html
    assert '<tr><th scope="row">4 epochs</th><td>6 s</td></tr>' in html
    assert ("memory: mapped" in html) is shown


def test_figure_is_png_bytes():
    assert new_figure(2, 1)._repr_png_().startswith(b"\x89PNG")
