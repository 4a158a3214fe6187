"""What keeps other pages and careless requests away from the page's server, which is for this machine's user alone."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 4_000_000  # bytes; a canvas of 224 × 224 in colour is 200,000


class Guard:
    """Lets a request through if it was meant for this server, comes from its own page, and is small JSON.

    A page elsewhere may know the address: its browser tells its Origin, or, by a name that it had changed to this address,
    a strange Host. Both are refused with 403, a body of another type with 415, a larger one with 413.

    Parameters
    ----------
    app : the server behind
    hosts : values of the Host header that are this server
    policy : the Content-Security-Policy of every answer
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], policy: str) -> None:
        self.app, self.hosts, self.policy = app, hosts, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
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
            if len(body) > LARGEST_BODY:  # it did not say how long it is
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
            return 403, f"This server answers to {' and '.join(sorted(self.hosts))}, not to {host!r}."
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return 403, f"Only this server's own page may ask, not one from {origin!r}."
        if method not in ("GET", "HEAD", "POST"):
            return 405, f"Expected GET or POST, got {method}."
        if method == "POST":
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return 415, f"Expected a body of application/json, got {headers.get('content-type', 'no type')!r}."
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > LARGEST_BODY:
                return 413, f"Expected a body of at most {LARGEST_BODY:,} bytes, got {length}."
        return None
