"""How much a JSON body may hold at one place, checked before its form: each wrong item would be a fault of its own.

Called by `table_upload.py` and `measurement_upload.py`, whose bodies may be long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]
MOST_NAMES, MOST_ITEMS = 40, 1_000
"""Of an object and of a list that no limit is given for."""
DEEPEST = 20


def size_faults(content: Any, limits: Mapping[str, int]) -> Iterator[tuple[Place, str, str]]:
    """Objects and lists with more than they may hold, and what is nested too deeply, as `(place, code, detail)`.

    Args:
        content: parsed JSON.
        limits: by name how many names or items stand under it at most; the lists inside a list have the same limit.
    """
    todo: list[tuple[Place, Any, int | None]] = [((), content, None)]
    while todo:
        place, value, limit = todo.pop()
        most = limit if limit is not None else MOST_NAMES if isinstance(value, dict) else MOST_ITEMS
        if len(place) > DEEPEST:
            yield place, "nested_too_deeply", "No body needs so many levels."
        elif len(value) > most:
            yield place, "too_long", f"Holds {len(value)} where at most {most} are read."
        elif isinstance(value, dict):
            todo += [((*place, name), item, limits.get(name)) for name, item in value.items() if _holds_more(item)]
        else:
            todo += [((*place, number), item, limit) for number, item in enumerate(value) if _holds_more(item)]


def _holds_more(value: Any) -> bool:
    return isinstance(value, dict | list)
