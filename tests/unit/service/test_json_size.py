"""Bodies that hold too much at one place."""

from __future__ import annotations

import pytest

from service.json_size import DEEPEST, MOST_ITEMS, MOST_NAMES, size_faults

LIMITS = {"rows": 50, "factor": 3}


def names(count: int) -> dict[str, int]:
    return {f"n{number}": number for number in range(count)}


def places(content: object) -> list[tuple[str | int, ...]]:
    return [place for place, _, _ in size_faults(content, LIMITS)]


@pytest.mark.parametrize(
    "content",
    [
        5,
        "x" * 10_000,
        names(MOST_NAMES),
        [0] * MOST_ITEMS,
        {"rows": names(50)},
        {"factor": [[1, 2, 3]] * 3},
        {"a": {"b": [{"c": 1}]}},
    ],
)
def test_what_is_small_has_no_fault(content: object) -> None:
    assert places({"inside": content} if not isinstance(content, dict) else content) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (names(MOST_NAMES + 1), [()]),
        ({"a": [0] * (MOST_ITEMS + 1)}, [("a",)]),
        ({"a": {"rows": names(51)}}, [("a", "rows")]),
        ({"rows": {"n": names(MOST_NAMES + 1)}}, [("rows", "n")]),
        ({"factor": [[1, 2, 3, 4], [1], [1, 2, 3, 4]]}, [("factor", 2), ("factor", 0)]),
        ({"factor": [[]] * 4}, [("factor",)]),
    ],
)
def test_what_holds_too_much_is_named(content: object, expected: list[tuple[str | int, ...]]) -> None:
    assert places(content) == expected


def test_nesting_ends_somewhere() -> None:
    content: object = []
    for _ in range(DEEPEST + 500):
        content = [content]
    (fault,) = size_faults(content, {})
    assert fault[1] == "nested_too_deeply"
    assert len(fault[0]) == DEEPEST + 1
