"""Serve the page on the loopback address only."""

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
    """Serve until Ctrl-C or SIGTERM, then terminate all training runs.

    Parameters
    ----------
    desk : Desk
    port : int, 0 for any free port
    on_ready : callable, receives the page's address once the port accepts connections
    opens_browser : bool, whether to open the page in the default browser

    Raises
    ------
    ConfigError
        If the port is not available.
    """
    with socket.socket() as listener:
        # On Windows, SO_REUSEADDR would let two programs listen on one port
        option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            listener.bind((ADDRESS, port))
            listener.listen()  # connections now wait until the server starts
        except OSError as error:
            raise ConfigError(f"Port {port} is not available: {error.strerror}; choose another with --port.") from error
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
