"""JSON without its traps: what is wrong is told with its place, all of it at once (used by `json_body.py`)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from service.errors import Fault, MalformedBodyError
from service.json_pointer import pointer

_TWICE = "The object has this name twice. Give each name once."
_NO_NUMBER = "NaN and Infinity are not JSON numbers. Leave the field out where there is no value."
_TOO_LARGE = "The number is too large for a 64-bit float."
_TOO_LONG = "The number has too many digits."
_HALF_A_PAIR = "The text has half of a surrogate pair. Send whole characters."
_TOO_DEEP = "The body is nested too deeply; no request needs more than 5 levels."
_DEEPEST = 50
_MOST_TRAPS = 1000
"""Are looked for; a client is shown the first 20."""
_MOST_DIGITS = 1000
"""Of an integer; no field takes half as many, and each meets its field's bounds."""
Place = tuple[str | int, ...]


def parse_json(body: bytes) -> Any:
    """Read JSON without NaN, infinities, endless numbers, duplicate names, lone surrogates and deep nesting.

    Raises:
        MalformedBodyError: saying which of them and where, never repeating the input.
    """
    text = _decode(body)
    reader = _Reader()
    try:
        value = json.loads(
            text,
            object_pairs_hook=reader.unique,
            parse_constant=lambda _: reader.trap(_NO_NUMBER),
            parse_float=reader.finite,
            parse_int=reader.whole,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedBodyError(f"The body is not valid JSON ({error.msg} at {place}). Check the syntax.") from error
    except RecursionError as error:
        raise MalformedBodyError(_TOO_DEEP) from error
    # Half a surrogate pair stands in the text only as an escape. Nearly no body has one, so that nearly none is walked.
    if reader.trapped or "\\ud" in text or "\\uD" in text:
        _refuse_traps(value)
    return value


@dataclass(frozen=True)
class _Trap:
    """Stands in the value where the body has something that JSON or this service does not allow."""

    reason: str


class _Reader:
    """The hooks of one parse."""

    def __init__(self) -> None:
        self.trapped = False

    def trap(self, reason: str) -> _Trap:
        self.trapped = True
        return _Trap(reason)

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            content |= {name: self.trap(_TWICE) for name, count in counts.items() if count > 1}
        return content

    def finite(self, text: str) -> float | _Trap:
        value = float(text)
        return value if math.isfinite(value) else self.trap(_TOO_LARGE)

    def whole(self, text: str) -> int | _Trap:
        return int(text) if len(text) <= _MOST_DIGITS else self.trap(_TOO_LONG)


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"The body is not UTF-8: byte {error.start} is wrong.") from error
    if text.startswith("\ufeff"):
        raise MalformedBodyError("The body begins with a byte order mark. Send it without (RFC 8259, section 8.1).")
    return text


def _refuse_traps(value: Any) -> None:
    faults = [
        Fault(pointer(place), MalformedBodyError.code, reason)
        for place, reason in islice(_traps(value, ()), _MOST_TRAPS)
    ]
    if faults:
        more = f" {len(faults) - 1} more of the kind: see `errors`." if len(faults) > 1 else ""
        raise MalformedBodyError(f"{faults[0].detail}{more}", faults)


def _traps(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if len(place) > _DEEPEST:
        yield place, _TOO_DEEP
    elif isinstance(value, _Trap):
        yield place, value.reason
    elif isinstance(value, str) and _is_broken(value):
        yield place, _HALF_A_PAIR
    elif isinstance(value, list | dict):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            if _is_broken(str(name)):
                yield (*place, name), _HALF_A_PAIR
            yield from _traps(item, (*place, name))


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
