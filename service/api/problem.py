"""Problem documents (RFC 9457): the one shape of every answer that is not a success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from service.errors import Fault

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 20


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
