"""JSON pointers into what a client sent: where a fault is, safe to send back (used wherever faults are made)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from latency_tables import OperatorKey, OperatorKeyError

_LONGEST_PART = 64
_ARROW = " -> "


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
