"""The server answers only requests from its own page."""

import socket

import pytest
import requests

from jitcnn.web.app import content_policy
from jitcnn.web.guard import LARGEST_BODY

JSON = {"Content-Type": "application/json"}


def test_page_and_static_files_are_served(address):
    page = requests.get(address + "/")
    assert "<title>jitcnn" in page.text
    assert requests.get(address + "/static/main.js").headers["content-type"].startswith("text/javascript")
    assert page.headers["content-security-policy"] == content_policy(page.text)
    assert "'sha256-" in content_policy(page.text)
    assert "unsafe" not in content_policy(page.text)
    assert requests.get(address + "/static/../desk.py").status_code == 404


def test_api_request_is_answered(address, canvas):
    about = requests.get(address + "/api/about").json()
    assert about["model"] == "mnist-cnn"
    found = requests.post(address + "/api/answers", json={"canvas": canvas(0)}, headers={"Origin": address})
    assert found.status_code == 200
    assert set(found.json()) == {"drawn", "centred"}


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({"Host": "jitcnn.example:8000"}, 403, "got 'jitcnn.example:8000'"),
        ({"Origin": "http://elsewhere.example"}, 403, "expects requests from its own page, got Origin 'http://elsewhere.example'"),
        ({"Origin": "null"}, 403, "got Origin 'null'"),
        ({"Content-Type": "text/plain"}, 415, "Expected content type application/json, got 'text/plain'"),
    ],
)  # fmt: skip
def test_foreign_host_origin_or_content_type_is_refused(address, headers, status, sentence):
    answer = requests.post(address + "/api/moved", data=b"{}", headers=JSON | headers)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_large_body_is_refused_before_it_is_read(address):
    host = address.removeprefix("http://")
    with socket.create_connection(host.split(":"), 10) as line:
        head = [
            "POST /api/answers HTTP/1.1",
            f"Host: {host}",
            "Content-Type: application/json",
            "Content-Length: 100000000",
        ]
        line.sendall("\r\n".join([*head, "", ""]).encode())
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Expected a body of at most 4,000,000 bytes, got 100000000." in answer


def test_unsupported_methods_are_refused(address):
    assert requests.delete(address + "/api/about").status_code == 405
    assert requests.get(address + "/api/answers").status_code == 405


def test_chunked_body_is_limited(address):
    pieces = (b" " * 1_000_000 for _ in range(LARGEST_BODY // 1_000_000 + 1))
    answer = requests.post(address + "/api/moved", data=pieces, headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "Expected a body of at most 4,000,000 bytes, got more.",
    )


@pytest.mark.parametrize(
    ("name", "question", "sentence"),
    [
        ("moved", "[1, 2]", "Expected a JSON object, got list"),
        ("moved", "{", "Expecting property name"),
        ("moved", '{"right": 1.5, "down": 0}', "right must be an integer, got 1.5"),
        ("moved", '{"right": true, "down": 0}', "right must be an integer, got True"),
        ("maps", '{"canvas": "", "centred": 1}', "centred must be true or false, got 1"),
        ("training/start", '{"learning_rate": 0, "batch_size": 16}', "learning_rate must be a number from 1e-06 to 1000, got 0"),
        ("training/start", '{"learning_rate": "x", "batch_size": 16}', "learning_rate must be a number from 1e-06 to 1000, got 'x'"),
        ("training/stop", "", "No training is running: start one first"),
    ],
)  # fmt: skip
def test_invalid_request_gives_an_error_message(address, name, question, sentence):
    answer = requests.post(f"{address}/api/{name}", data=question, headers=JSON)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_sessions_have_separate_state(address):
    for session in ("one", "two"):
        assert requests.post(address + "/api/training/state", json={}, headers={"X-Session": session}).json() == {
            "status": "none"
        }
