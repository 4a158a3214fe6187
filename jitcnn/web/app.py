"""ASGI application of ``jitcnn play``: one route per kind of request."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..errors import ConfigError, JitCNNError
from ..support.text import printable
from . import STATIC
from .desk import Desk
from .guard import Guard

Answer = Callable[[dict[str, Any], str], dict[str, Any]]


class LiteralJSONResponse(JSONResponse):
    """JSON whose texts, which may contain names of users, have no control characters and no surrogates."""

    def render(self, content: Any) -> bytes:
        return super().render(_literal(content))


def _literal(content: Any) -> Any:
    match content:
        case str():
            return printable(content, keep="\n")
        case dict():
            return {_literal(key): _literal(value) for key, value in content.items()}
        case list() | tuple():
            return [_literal(value) for value in content]
    return content


def make_app(desk: Desk, hosts: frozenset[str]) -> Guard:
    """Build the ASGI application that serves the page and answers its requests.

    Parameters
    ----------
    desk : Desk
    hosts : frozenset of str; accepted values of the Host header, such as "127.0.0.1:8000"

    Returns
    -------
    app : Guard
    """
    page = (STATIC / "index.html").read_text(encoding="utf-8")

    async def index(_: Request) -> Response:
        return HTMLResponse(page)

    async def about(_: Request) -> Response:
        return LiteralJSONResponse(desk.about())

    questions: dict[str, Answer] = {
        "sample": lambda ask, _: desk.sample(_whole(ask, "index")),
        "answers": lambda ask, session: desk.answers(ask.get("canvas"), session),
        "maps": lambda ask, session: desk.maps(ask.get("canvas"), _flag(ask, "centred"), session),
        "magnify": lambda ask, session: desk.magnify(
            ask.get("canvas"), _flag(ask, "centred"), str(ask.get("lens")),
            None if ask.get("label") is None else _whole(ask, "label"), session,
        ),
        "moved": lambda ask, session: desk.moved(_whole(ask, "right"), _whole(ask, "down"), session),
        "training/state": lambda _, session: desk.training_state(session),
        "training/start": lambda ask, session: desk.start(
            session, _number(ask, "learning_rate", 1e-6, 1e3), int(_number(ask, "batch_size", 1, 1024)), _flag(ask, "anew"),
        ),
        "training/pause": lambda _, session: desk.order(session, "pause"),
        "training/resume": lambda _, session: desk.order(session, "resume"),
        "training/stop": lambda _, session: desk.order(session, "stop"),
        "training/learning_rate": lambda ask, session: desk.order(
            session, "learning_rate", _number(ask, "value", 1e-6, 1e3)
        ),
    }  # fmt: skip
    routes = [
        Route("/", index),
        Route("/api/about", about),
        *(Route(f"/api/{name}", _answering(answer), methods=["POST"]) for name, answer in questions.items()),
        Mount("/static", StaticFiles(directory=str(STATIC))),
    ]
    return Guard(Starlette(routes=routes), hosts, content_policy(page))


def content_policy(page: str) -> str:
    """Content-Security-Policy of a page: same origin only, and no inline script except its import map."""
    inline = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'"
    )


def _answering(answer: Answer) -> Callable[[Request], Any]:
    """Route for a request with a JSON object as its body; an invalid request gets status 400 and a one-sentence error."""

    async def route(request: Request) -> Response:
        try:
            ask = json.loads(await request.body() or b"{}")
            if not isinstance(ask, dict):
                raise ConfigError(f"Expected a JSON object, got {type(ask).__name__}.")
            session = request.headers.get("x-session", "")[:64]
            return LiteralJSONResponse(await run_in_threadpool(answer, ask, session))
        except (ValueError, JitCNNError) as error:
            return LiteralJSONResponse({"error": str(error)}, 400)

    return route


def _whole(ask: dict[str, Any], name: str) -> int:
    value = ask.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 31:
        raise ConfigError(f"{name} must be an integer, got {value!r}.")
    return value


def _flag(ask: dict[str, Any], name: str) -> bool:
    value = ask.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, got {value!r}.")
    return value


def _number(ask: dict[str, Any], name: str, least: float, most: float) -> float:
    value = ask.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name} must be a number from {least:g} to {most:g}, got {value!r}.")
    return float(value)
