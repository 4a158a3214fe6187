"""ASGI middleware that rejects requests from other sites, of other content types, and with large bodies."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 4_000_000  # bytes; a 224 × 224 colour canvas is 200,000


class Guard:
    """Pass a request on if it is for this host, comes from its own page and has a small JSON body.

    Another site that knows the address sends a foreign Origin or, with DNS rebinding, a foreign Host. Both get status
    403, another content type 415, a larger body 413.

    Parameters
    ----------
    app : ASGI application to protect
    hosts : frozenset of str; accepted values of the Host header
    policy : str; Content-Security-Policy of every response
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], policy: str) -> None:
        self.app, self.hosts, self.policy = app, hosts, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await self._refuse(*refusal, scope, receive, send)
            return
        body = b""
        more = scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:  # without Content-Length
                await self._refuse(
                    413, f"Expected a body of at most {LARGEST_BODY:,} bytes, got more.", scope, receive, send
                )
                return

        unread = [body]

        async def read() -> Message:
            return {"type": "http.request", "body": unread.pop(), "more_body": False} if unread else await receive()

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self.policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, read, with_policy)

    @staticmethod
    async def _refuse(status: int, sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"error": sentence}, status, {"Connection": "close"})(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.hosts:
            return 403, f"The server expects Host {' or '.join(sorted(self.hosts))}, got {host!r}."
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return 403, f"The server expects requests from its own page, got Origin {origin!r}."
        if method not in ("GET", "HEAD", "POST"):
            return 405, f"Expected GET or POST, got {method}."
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return 415, f"Expected content type application/json, got {headers.get('content-type', 'none')!r}."
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > LARGEST_BODY:
                return 413, f"Expected a body of at most {LARGEST_BODY:,} bytes, got {length}."
        return None
