"""Problem documents (RFC 9457): the one shape of every answer that is not a success."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from latency_tables import OperatorKey, OperatorKeyError
from service.errors import Fault

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 20
_LONGEST_PART = 64
_ARROW = " -> "


class ProblemResponse(JSONResponse):
    """An answer of type `application/problem+json`."""

    media_type = MEDIA_TYPE


@dataclass(frozen=True)
class Failure:
    """One failure to tell; `extra` adds members that the code's readers know, for example `state`."""

    status: int
    code: str
    detail: str
    faults: Sequence[Fault] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] | None = None

    def answer(self, request: Request) -> ProblemResponse:
        """The failure as the answer to a request."""
        path, request_id = request.url.path, getattr(request.state, "request_id", None)
        content: dict[str, Any] = {
            "type": f"urn:lutnas:error:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": path[:200] if path.isascii() else None,
            "request_id": request_id,
        }
        if self.faults:
            shown = self.faults[:MOST_FAULTS]
            content["errors"] = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in shown]
            content["errors_total"] = len(self.faults)
        # An answer to an unexpected error is made outside `RequestFrame`, which else sets this header.
        headers = {"X-Request-Id": request_id} if request_id else {}
        return ProblemResponse(content | dict(self.extra), self.status, headers | dict(self.headers or {}))


def pointer(parts: Sequence[object]) -> str:
    """A JSON pointer (RFC 6901) into the request, safe to send back.

    Operator keys stand as they are, two joined by an arrow, too; odd characters of a client's other names are masked.
    """
    return "".join(f"/{_safe(str(part))}" for part in parts)


def _safe(part: str) -> str:
    if all(map(_is_operator_key, part.split(_ARROW, maxsplit=1))):
        return part
    masked = re.sub(r"[^A-Za-z0-9._~/-]", "?", part[:_LONGEST_PART])
    return masked.replace("~", "~0").replace("/", "~1")


def _is_operator_key(text: str) -> bool:
    """Whether a text is an operator key: letters, digits, spaces and `=` only, of limited length."""
    if " in=" not in text:
        return False
    try:
        OperatorKey.parse(text)
    except OperatorKeyError:
        return False
    return True
