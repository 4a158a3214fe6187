"""Local HTTP server for download tests."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from data.test_mnist import CONTENTS


class Handler(BaseHTTPRequestHandler):
    """Serves the small MNIST under /good; /repacked, /garbage and /short serve altered files.

    /missing, /forbidden and /busy return an error, /moved redirects to /good, /silent stalls halfway.
    """

    refusals = {"missing": 404, "forbidden": 403, "busy": 503}
    silence = threading.Event()

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        manner, name = self.path.strip("/").split("/")
        if manner in self.refusals:
            self.send_error(self.refusals[manner])
            return
        if manner == "moved":
            self.send_response(302)
            self.send_header("Location", f"/good/{name}")
            self.end_headers()
            return
        contents = CONTENTS[name.removesuffix(".gz")]
        packed = gzip.compress(contents, mtime=0)
        repacked = gzip.compress(contents, mtime=1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        if body:
            bad = {"repacked": repacked, "garbage": b"?" * len(packed), "short": packed[:-9], "silent": packed[:9]}
            self.wfile.write(bad.get(manner, packed))
            if manner == "silent":
                self.wfile.flush()
                self.silence.wait(5)

    def log_message(self, *_):
        """Disable logging."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.silence.clear()
    yield f"http://127.0.0.1:{server.server_port}/"
    Handler.silence.set()
    server.shutdown()
    server.server_close()
