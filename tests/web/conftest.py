"""Fixtures: a desk with trained models, drawings, a running server and a report."""

import base64
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import uvicorn

from jitcnn.history import Epoch
from jitcnn.web.app import make_app
from jitcnn.web.desk import Desk
from jitcnn.web.report import write_report


@pytest.fixture(scope="session")
def desk(trained):
    models, data = trained
    desk = Desk(models["mnist-cnn"], models["mnist-dense"], data)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def canvas(trained):
    """Function that encodes test image ``k`` like the page does."""

    def send(k):
        image = trained[1].x_test[k, 0]
        return base64.b64encode(np.kron(image, np.ones((5, 5), np.uint8)).tobytes()).decode()

    return send


@contextmanager
def serving(desk):
    """Run the page of a desk in a thread; gives its URL, without a trailing slash."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        app = make_app(desk, frozenset({host}))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://{host}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def address(desk):
    """URL of a running server, without a trailing slash."""
    with serving(desk) as url:
        yield url


@pytest.fixture(scope="session")
def report_file(trained, tmp_path_factory):
    """Path of a report on the trained model and 90 images."""
    models, data = trained
    path = tmp_path_factory.mktemp("report") / "report.html"
    histories = {"mnist-cnn": [Epoch(1, 0.5, 0.8, 0.4, 0.9, 1.0, 1000.0, ())]}
    parts = []
    write_report(
        path,
        models["mnist-cnn"],
        data.limited(90),
        baseline=models["mnist-dense"],
        histories=histories,
        reach=1,
        on_part=parts.append,
    )
    assert parts == [
        "evaluating on the test images",
        "evaluating on shifted test images",
        "recording layer activations",
    ]
    return path
