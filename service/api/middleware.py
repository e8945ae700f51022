"""What happens around every request: an id, foreign browser pages kept out, counting."""

from __future__ import annotations

import re
import time
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.error_handlers import answer_known_error
from service.api.metrics import Metrics
from service.errors import OriginRefusedError
from service.loopback import is_loopback

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestFrame:
    """Gives each request an id (the client's own when it is harmless), and counts the answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(scope["method"], route, status, time.perf_counter() - started)


class LocalOnly:
    """Refuses requests that a browser page of another site makes, or that come under a foreign name (DNS rebinding).

    The service has no access control yet; listening on loopback does not keep out pages in the user's own browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            for name, url in (("Host", f"//{headers.get('host', '')}"), ("Origin", headers.get("origin", ""))):
                if name.lower() in headers and not is_loopback(_host_of(url)):
                    response = answer_known_error(Request(scope), OriginRefusedError(name))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
