"""A few networks that stand for a front."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import evenly_spread


@pytest.mark.parametrize(
    ("count", "wanted", "picked"),
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (10, 3, [0, 4, 9]), (0, 3, []), (7, 1, [0])],
)
def test_it_keeps_the_ends_and_the_order(count: int, wanted: int, picked: list[int]) -> None:
    assert evenly_spread(range(count), wanted) == picked


@given(st.integers(2, 500), st.integers(2, 60))
def test_no_item_twice_and_never_more_than_asked_for(count: int, wanted: int) -> None:
    picked = evenly_spread(range(count), wanted)
    assert len(picked) == len(set(picked)) == min(count, wanted)
    assert picked == sorted(picked)
    assert {0, count - 1} <= set(picked)


def test_none_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        evenly_spread([1, 2], 0)
