"""Serve the page, on this machine alone."""

import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from ..errors import ConfigError
from .app import make_app
from .desk import Desk

ADDRESS = "127.0.0.1"


def serve(desk: Desk, port: int = 0, *, on_ready: Callable[[str], object], opens_browser: bool = False) -> None:
    """Serve until Ctrl-C or SIGTERM; every training is then ended.

    Parameters
    ----------
    desk : Desk
    port : int, 0 for any that is free
    on_ready : called with the page's address once it can be asked
    opens_browser : bool, whether the user's browser is sent there

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
            listener.listen()  # who asks from now on waits for the server to begin
        except OSError as error:
            raise ConfigError(f"Port {port} cannot be had: {error.strerror}; name another with --port.") from error
        port = listener.getsockname()[1]
        address = f"http://{ADDRESS}:{port}/"
        app = make_app(desk, frozenset({f"{ADDRESS}:{port}", f"localhost:{port}"}))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none"))
        on_ready(address)
        if opens_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        try:
            server.run([listener])
        finally:
            desk.close()
