"""The benchmark of malformed tables sees what a service does wrong, and its tables are what they claim to be."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.malformed_tables import DEVICE, Malformed, by_hand, edited, good_document, good_table, without
from benchmarks.mutated_tables import MUTATIONS, mutated
from benchmarks.tables import ADDRESS, is_reached, put_all, summary
from latency_tables import format_table, parse_table
from search import load_space

SPACE = load_space("tiny-cifar10")
PROBLEM = {"Content-Type": "application/problem+json"}
BAD = [Malformed("one", b"{", ("",)), Malformed("two", b"[]"), Malformed("three", b"5", ("/a",))]


def figures_of(*answers: httpx.Response) -> dict[str, Any]:
    given = itertools.cycle(answers)
    with httpx.Client(base_url="http://test", transport=httpx.MockTransport(lambda request: next(given))) as client:
        return put_all(client, ADDRESS, BAD)


def refusal(status: int, *pointers: str) -> httpx.Response:
    errors = [{"pointer": pointer} for pointer in pointers]
    return httpx.Response(status, json={"errors": errors}, headers=PROBLEM)


def test_refusals_are_counted_by_status() -> None:
    figures = figures_of(refusal(400, ""), refusal(422, "/x"), refusal(422, "/a", "/b"))
    assert figures["statuses"] == {"400": 1, "422": 2}
    assert (figures["tables"], figures["refused"]) == (3, 3)
    assert figures["without_pointer"] == figures["wrong_pointer"] == []


def test_what_goes_wrong_is_named() -> None:
    figures = figures_of(refusal(422), httpx.Response(500, text="crash"), refusal(422, "/other"))
    assert figures["refused"] == 2
    assert figures["without_pointer"] == ["one", "two"]
    assert figures["wrong_pointer"] == ["three"]
    assert "one; two; three" in summary(figures)


REACHED = {"tables": 5, "refused": 5, "without_pointer": [], "wrong_pointer": []}


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        ({}, True),
        ({"files_written": 1}, False),
        ({"alive": False}, False),
        ({"good_table_status": 422}, False),
        ({"generated": REACHED | {"refused": 4}}, False),
        ({"generated": REACHED | {"tables": 0, "refused": 0}}, False),
        ({"by_hand": REACHED | {"without_pointer": ["x"]}}, False),
        ({"by_hand": REACHED | {"wrong_pointer": ["x"]}}, False),
    ],
)
def test_the_goal_has_many_parts(change: dict[str, Any], reached: bool) -> None:
    good = {"by_hand": REACHED, "generated": REACHED, "files_written": 0, "alive": True, "good_table_status": 201}
    assert is_reached(good | change) is reached


def test_the_good_table_is_good() -> None:
    table = good_table(SPACE)
    assert parse_table(format_table(table).encode(), "good") == table
    assert table.missing([block.operator_key for block in SPACE.operators() if block.operator_key]) == ()


def test_mutations_are_the_same_for_a_seed_and_all_kinds_occur() -> None:
    first, again, other = ([m.body for m in mutated(SPACE, 300, seed)] for seed in (0, 0, 1))
    assert first == again != other
    kinds = {malformed.name.split(": ")[1] for malformed in mutated(SPACE, 300, 0)}
    assert kinds == set(MUTATIONS)


@pytest.mark.parametrize("name", MUTATIONS)
def test_no_mutation_changes_the_good_document_itself(name: str) -> None:
    good = good_document(SPACE)
    before = copy.deepcopy(good)
    for seed in range(5):
        assert MUTATIONS[name](good, np.random.default_rng(seed)) != json.dumps(before).encode()
    assert good == before


def test_edits_leave_sha256_out_so_that_it_gives_nothing_away() -> None:
    good = good_document(SPACE)
    assert "sha256" not in edited(good, ("table", "fixed_ms"), 1.0)
    assert "fixed_ms" not in without(good, ("table", "fixed_ms"))["table"]
    assert good["table"]["device"] == DEVICE


def test_made_by_hand_tables_are_json_but_where_they_say_otherwise() -> None:
    for malformed in by_hand(SPACE):
        if not malformed.name.startswith("json: "):
            assert isinstance(json.loads(malformed.body), dict)
