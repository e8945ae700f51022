"""Request bodies: read up to a limit, JSON only, without JSON's traps (every router uses `StrictRoute`).

The framework alone lets NaN, 1e999 and duplicate names pass, answers 500 to some of them, and reads bodies of any
length.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.message import Message

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from service.api.strict_json import parse_json
from service.errors import BodyTooLargeError, ContentTypeError
from service.settings import Settings

_LONG_BYTES = 100_000
"""A longer body is parsed in a thread, so that other requests do not wait."""


class StrictRequest(Request):
    """A request whose JSON body has been read and checked."""

    async def read_body(self, limit_bytes: int) -> None:
        """Read and check the body; later calls of `body` and `json` return what was read.

        Raises:
            BodyTooLargeError: more than `limit_bytes`; no more than that is read.
            ContentTypeError: there is a body, and it is not declared as JSON.
            MalformedBodyError: it is not JSON, or JSON with a trap in it.
        """
        chunks, size = [], 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise BodyTooLargeError(limit_bytes)
            chunks.append(chunk)
        self._body = b"".join(chunks)
        if self._body:
            if not _is_json(self.headers.get("content-type", "")) or "content-encoding" in self.headers:
                raise ContentTypeError
            is_long = len(self._body) > _LONG_BYTES
            self._json = await run_in_threadpool(parse_json, self._body) if is_long else parse_json(self._body)


class StrictRoute(APIRoute):
    """A route that checks the body before the framework looks at it."""

    def most_bytes(self, settings: Settings) -> int:
        """The longest body of this route."""
        return settings.max_body_bytes

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The framework's handler behind the check."""
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            await strict.read_body(self.most_bytes(request.app.state.services.settings))
            return await handler(strict)

        return checked


def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_type() == "application/json"
