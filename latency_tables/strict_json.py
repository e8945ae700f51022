"""JSON as files from strangers need it: no NaN, no name twice, no endless nesting.

Used by `files`, `plan` and `measurement`.
"""

from __future__ import annotations

import json
from typing import Any


def parse_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object in UTF-8.

    Raises:
        ValueError: not JSON, not an object, NaN or Infinity, a name twice in one object, nested too deeply.
    """
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("must be one JSON object")  # noqa: TRY004 - callers map ValueError, as json does
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"name {name[:120]!r} appears twice")
        content[name] = value
    return content


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
