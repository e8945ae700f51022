"""Request bodies: read up to a limit, JSON only, without JSON's traps (every router uses `StrictRoute`).

The framework alone lets NaN, 1e999 and duplicate names pass, answers 500 to some of them, and reads bodies of any
length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.errors import BodyTooLargeError, ContentTypeError, MalformedBodyError


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
            self._json = parse_json(self._body)


class StrictRoute(APIRoute):
    """A route that checks the body before the framework looks at it."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The framework's handler behind the check."""
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            await strict.read_body(request.app.state.services.settings.max_body_bytes)
            return await handler(strict)

        return checked


def parse_json(body: bytes) -> Any:
    """Read JSON without NaN, infinities, endless numbers, duplicate names, lone surrogates and deep nesting.

    Raises:
        MalformedBodyError: saying which of them, never repeating the input.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"The body is not UTF-8: byte {error.start} is wrong.") from error
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
        # Encoding finds lone surrogates, in names too.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedBodyError(f"The body is not valid JSON ({error.msg} at {place}). Check the syntax.") from error
    except UnicodeEncodeError as error:
        raise MalformedBodyError("A text in the body has half of a surrogate pair. Send whole characters.") from error
    except RecursionError as error:
        raise MalformedBodyError("The body is nested too deeply; no request needs more than 5 levels.") from error
    except ValueError as error:
        # Python refuses to read integers of more than 4,300 digits; shorter ones meet the fields' bounds.
        raise MalformedBodyError("A number in the body has too many digits.") from error
    return value


def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_type() == "application/json"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise MalformedBodyError("An object in the body has the same name twice. Give each name once.")
    return content


def _refuse(_constant: str) -> Any:
    raise MalformedBodyError("NaN and Infinity are not JSON numbers. Leave the field out where there is no value.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedBodyError("A number in the body is too large for a 64-bit float.")
    return value
