"""A server of our own, for what is fetched."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from data.test_mnist import CONTENTS


class Handler(BaseHTTPRequestHandler):
    """/good, /repacked, /garbage, /short, /missing and /busy each serve the small MNIST in their own manner."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        manner, name = self.path.strip("/").split("/")
        if manner in ("missing", "busy"):
            self.send_error(404 if manner == "missing" else 503)
            return
        contents = CONTENTS[name.removesuffix(".gz")]
        packed = gzip.compress(contents, mtime=0)
        repacked = gzip.compress(contents, mtime=1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        if body:
            bad = {"repacked": repacked, "garbage": b"?" * len(packed), "short": packed[:-9]}
            self.wfile.write(bad.get(manner, packed))

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
