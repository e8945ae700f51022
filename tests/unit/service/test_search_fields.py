"""Options of a search request: their way into the spec, and what the form alone refuses."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from pydantic import StringConstraints, ValidationError

from search import Stop
from service.search_request import SearchRequest
from service.strict_model import StrictModel

BASE = {"space": "tiny-cifar10", "devices": ["board", "phone"], "seed": 1}


def made(**wish: object) -> SearchRequest:
    return SearchRequest.model_validate(BASE | wish)


def fault_of(**wish: object) -> tuple[tuple[object, ...], str]:
    with pytest.raises(ValidationError) as caught:
        made(**wish)
    (fault,) = caught.value.errors()
    return fault["loc"], fault["type"]


def test_stop_criteria_and_start_genomes_reach_the_spec() -> None:
    stop = {"candidates": 100, "seconds": 2.5, "stagnation_generations": 7}
    spec = made(stop=stop, start_genomes=[[0, 1, 2, 0], [1, 1, 1, 1]]).search_spec()
    assert spec.stop == Stop(100, 2.5, 7)
    assert spec.start_genomes == ((0, 1, 2, 0), (1, 1, 1, 1))


def test_without_them_nothing_stops_early_and_nothing_is_given() -> None:
    spec = made().search_spec()
    assert (spec.stop, spec.start_genomes) == (Stop(), ())
    effective = made().model_dump(exclude_none=True)
    assert effective["stop"] == {}
    assert "start_from" not in effective


def test_whole_seconds_will_do() -> None:
    assert made(stop={"seconds": 60}).search_spec().stop.seconds == 60.0


@pytest.mark.parametrize(
    ("objectives", "timed"),
    [
        (["error", "latency_ms"], ("board", "phone")),
        (["error", "latency_ms:phone"], ("phone",)),
        (["latency_ms:phone", "latency_ms:board"], ("board", "phone")),
        (["error", "latency_ms:worst"], ()),
        (["error", "latency_share:worst", "latency_ms:board"], ("board",)),
    ],
)
def test_timed_devices_are_those_with_a_column_of_their_own(objectives: list[str], timed: tuple[str, ...]) -> None:
    assert made(objectives=objectives).timed_devices == timed


@pytest.mark.parametrize("objectives", [["error", "latency_ms:worst"], ["error", "latency_share:worst"]])
def test_a_worst_case_cannot_be_measured_again(objectives: list[str]) -> None:
    assert fault_of(objectives=objectives, remeasure=True) == (("remeasure",), "remeasure_without_latency")
    assert made(objectives=[*objectives, "latency_ms:board"], remeasure=True).remeasure


@pytest.mark.parametrize(
    ("wish", "place", "kind"),
    [
        ({"objectives": ["latency_ms:Board"]}, ("objectives", 0), "string_pattern_mismatch"),
        ({"objectives": ["latency_ms:board "]}, ("objectives", 0), "string_pattern_mismatch"),
        ({"objectives": [":worst"]}, ("objectives", 0), "string_pattern_mismatch"),
        ({"stop": {"seconds": float("nan")}}, ("stop", "seconds"), "finite_number"),
        ({"stop": {"seconds": float("inf")}}, ("stop", "seconds"), "finite_number"),
        ({"stop": {"generations": 5}}, ("stop", "generations"), "unknown_field"),
        ({"start_from": ["srch_" + "a" * 60]}, ("start_from", 0), "string_pattern_mismatch"),
        ({"start_from": ["srch_a\n"]}, ("start_from", 0), "string_pattern_mismatch"),
        ({"start_genomes": {"0": [0]}}, ("start_genomes",), "list_type"),
        ({"start_genomes": [[True, 0, 0, 0]]}, ("start_genomes", 0, 0), "int_type"),
    ],
)
def test_the_form_is_strict(wish: dict[str, object], place: tuple[object, ...], kind: str) -> None:
    assert fault_of(**wish) == (place, kind)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"start_from": ["srch_A"]}, "id of a search: srch_"),
        ({"objectives": ["a:b:c"]}, "one colon"),
        ({"devices": ["Board"]}, "lower-case letters, digits, dots"),
        ({"tables": {"board": "0"}}, "64 lower-case hexadecimal digits"),
    ],
)
def test_a_pattern_is_told_in_words(wish: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**wish)
    (fault,) = caught.value.errors()
    assert words in fault["msg"]
    assert "^" not in fault["msg"]


def test_braces_in_a_message_are_not_doubled() -> None:
    class Inner(StrictModel):
        colour: Annotated[str, StringConstraints(pattern="^[a-f]{6}$")]

    class Outer(StrictModel):
        inner: Inner

    with pytest.raises(ValidationError, match=re.escape("'^[a-f]{6}$'")):
        Outer.model_validate({"inner": {"colour": "red"}})


def test_the_schema_keeps_the_pattern() -> None:
    start_from = SearchRequest.model_json_schema()["properties"]["start_from"]["anyOf"][0]
    assert start_from["items"]["pattern"].startswith("^srch_")
