"""Shared fixtures and hooks."""

import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jitcnn.data import find_mnist


def pytest_terminal_summary(terminalreporter):
    """Print how many torch oracle tests ran or were skipped, so that skips do not go unnoticed."""
    ran, skipped = (
        sum(
            "torch" in getattr(report, "keywords", ())  # a skipped module has none
            for report in terminalreporter.stats.get(outcome, [])
            if report.when != "teardown"
        )
        for outcome in ("passed", "skipped")
    )
    if ran or skipped:
        terminalreporter.write_line(f"torch oracles: {ran} ran, {skipped} skipped")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def runner():
    return CliRunner()


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Empty user cache, no environment settings and no system data sets."""
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JITCNN_DATA_DIR", raising=False)
    return tmp_path / "cache" / "jitcnn"


@pytest.fixture
def ctrl_c_is_heard():
    """Restore the default SIGINT handler: background jobs of a shell, and their child processes, ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def mnist_dir():
    """Folder of the real MNIST; skips if it is not on disk."""
    folder = find_mnist() or find_mnist(Path(__file__).parents[2] / "shared" / "data")
    if folder is None:
        pytest.skip("MNIST is not on disk: set JITCNN_DATA_DIR to its folder")
    return folder


@pytest.fixture(scope="session")
def trained():
    """mnist-cnn and its dense baseline after three epochs on the embedded digits."""
    from jitcnn import fit, load_digits
    from jitcnn.models import mnist_cnn, mnist_dense

    data = load_digits()
    models = {"mnist-cnn": mnist_cnn(), "mnist-dense": mnist_dense()}
    for model in models.values():
        fit(model, data, epochs=3)
    return models, data


@pytest.fixture(scope="session")
def model_file(trained, tmp_path_factory):
    """Model file of the trained mnist-cnn."""
    path = tmp_path_factory.mktemp("model") / "cnn_mnist_model.npz"
    trained[0]["mnist-cnn"].save(path)
    return path
