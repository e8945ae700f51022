"""Tables that clients send: what is taken, and what is found wrong, all at once."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.malformed_tables import DEVICE, edited, good_document, good_table
from latency_tables import LatencyTable, OperatorKey, format_table, shipped_tables
from search import load_space
from service.api.problem import MOST_FAULTS
from service.table_checks import middling_speed
from service.table_errors import TableRefusedError
from service.table_upload import MOST_ROWS, check_device, read_table
from service.table_warnings import drift_of, table_warnings

SPACE = load_space("tiny-cifar10")
GOOD = good_document(SPACE)
ROWS = sorted(GOOD["table"]["operator_ms"])


def faults_of(document: object, device: str = DEVICE) -> dict[str, str]:
    """Pointer -> code."""
    with pytest.raises(TableRefusedError) as caught:
        read_table(document, device, SPACE)
    return {fault.pointer: fault.code for fault in caught.value.faults}


def codes_of(warnings: list[dict[str, str]]) -> set[str]:
    return {warning["code"] for warning in warnings}


def test_a_document_becomes_the_table_it_was_made_from() -> None:
    assert read_table(GOOD, DEVICE, SPACE) == good_table(SPACE)


@pytest.mark.parametrize("name", ["raspberry-pi-4", "pixel-3"])
def test_the_shipped_tables_would_be_taken(name: str) -> None:
    table = shipped_tables()[name, "fbnet-cifar10"]
    document = json.loads(format_table(table))
    assert read_table(document, name, load_space("fbnet-cifar10")) == table


@pytest.mark.parametrize(
    "left_out", ["device", "space", "covers", "neighbour_ms", "provenance", "honesty", "uncertainty"]
)
def test_what_is_left_out_has_a_default(left_out: str) -> None:
    document = copy.deepcopy(GOOD)
    del document["sha256"]
    if left_out == "covers":
        document["table"]["operator_ms"][document["table"]["covers"][0]] = 0.001
        document["table"]["uncertainty"] = None
    del document["table"][left_out]
    table = read_table(document, DEVICE, SPACE)
    assert (table.device, table.space, table.provenance.device) == (DEVICE, SPACE.name, DEVICE)


def test_faults_of_every_kind_are_found_at_once() -> None:
    document = edited(GOOD, ("table", "operator_ms", ROWS[0]), 0)
    document["table"]["operator_ms"]["conv 3x3"] = 1.0
    del document["table"]["operator_ms"][ROWS[1]]
    document["table"]["neighbour_ms"] = {}
    document["table"]["device"] = "someone-elses"
    document["table"]["provenance"]["threads"] = -1
    document["table"]["covers"] *= 2
    document["owner"] = "me"
    assert faults_of(document) == {
        f"/table/operator_ms/{ROWS[0]}": "greater_than_equal",
        "/table/operator_ms/conv?3x3": "operator_key",
        f"/table/operator_ms/{ROWS[1]}": "missing_operator",
        "/table/device": "name_mismatch",
        "/table/provenance/threads": "greater_than_equal",
        "/table/covers/1": "operator_twice",
        "/owner": "unknown_field",
    }


def test_more_faults_than_are_shown_are_counted() -> None:
    rows = {f"nonsense {number}": 1.0 for number in range(50)} | GOOD["table"]["operator_ms"]
    with pytest.raises(TableRefusedError) as caught:
        read_table({"operator_ms": rows, "fixed_ms": 0.1}, DEVICE, SPACE)
    assert len(caught.value.faults) > MOST_FAULTS


def test_faults_never_repeat_what_was_sent() -> None:
    sent = "<script>hunter2</script>"
    document = edited(GOOD, ("table", "operator_ms", sent), sent)
    document["table"]["device"] = document["table"]["provenance"]["kind"] = document[sent] = sent
    document["table"]["covers"].append(sent)
    document["table"]["neighbour_ms"][sent] = 1.0
    with pytest.raises(TableRefusedError) as caught:
        read_table(document, DEVICE, SPACE)
    told = str(caught.value) + "".join(fault.pointer + fault.detail for fault in caught.value.faults)
    assert "<" not in told.replace(" -> ", "")
    assert len(caught.value.faults) >= 6


@pytest.mark.parametrize("content", [None, 5, "x", [], True])
def test_what_is_no_object_is_refused(content: object) -> None:
    assert faults_of(content) == {"": "object_type"}


@pytest.mark.parametrize("deep", [30, 900])
def test_deep_nesting_is_refused(deep: int) -> None:
    nested: Any = 1.0
    for _ in range(deep):
        nested = [nested]
    (code,) = faults_of(GOOD | {"table": GOOD["table"] | {"honesty": nested}}).values()
    assert code == "nested_too_deeply"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("operator_ms", {f"{number:x}": 0 for number in range(MOST_ROWS + 1)}),
        ("covers", [0] * (MOST_ROWS + 1)),
        ("neighbour_ms", {f"{number:x}": "" for number in range(MOST_ROWS + 1)}),
        ("provenance", {f"{number:x}": "" for number in range(50)}),
        ("honesty", {"predicted_ms": [""] * 10_001}),
    ],
)
def test_what_would_make_endless_faults_is_refused_at_once(part: str, value: object) -> None:
    found = faults_of(edited(GOOD, ("table", part), value))
    assert list(found.values()) == ["too_long"]
    assert next(iter(found)).startswith(f"/table/{part}")


def test_a_matrix_of_wrong_cells_is_one_fault() -> None:
    factor = [[""] * 100] * (1 + len(ROWS))
    assert faults_of(edited(GOOD, ("table", "uncertainty", "factor"), factor)) == {
        "/table/uncertainty/factor/0/0": "float_type"
    }


@pytest.mark.parametrize("factor", [1e-4, 3e3])
def test_another_unit_is_told_with_what_it_would_mean(factor: float) -> None:
    rows = {text: factor * ms for text, ms in GOOD["table"]["operator_ms"].items()}
    plain = {"operator_ms": rows, "fixed_ms": 0.5 * factor, "covers": GOOD["table"]["covers"]}
    with pytest.raises(TableRefusedError) as caught:
        read_table(plain, DEVICE, SPACE)
    assert caught.value.code == "implausible_unit"
    assert "GMAC/s" in str(caught.value)
    assert ("microseconds" if factor > 1 else "look like seconds") in str(caught.value)
    assert [fault.pointer for fault in caught.value.faults] == ["/operator_ms"]


def test_one_wrong_cell_is_named_and_no_other() -> None:
    row = max(GOOD["table"]["operator_ms"], key=GOOD["table"]["operator_ms"].__getitem__)
    wrong = edited(GOOD, ("table", "operator_ms", row), 2e4 * GOOD["table"]["operator_ms"][row])
    assert faults_of(wrong) == {f"/table/operator_ms/{row}": "implausible_row"}


def test_the_middling_speed_is_that_of_the_table() -> None:
    rows = {block.operator_key: block.macs / 4e6 for block in SPACE.operators() if block.operator_key}
    table = dataclasses.replace(
        good_table(SPACE), fixed_ms=0.0, operator_ms=rows, covers=frozenset(), neighbour_ms={}, uncertainty=None
    )
    assert middling_speed(table, SPACE)[1] == pytest.approx(4.0, rel=0.2)


def test_honesty_that_the_pairs_do_not_give_is_refused() -> None:
    for name, value in {"mape": 0.001, "within_5": 1.0, "within_10": 0.5}.items():
        assert faults_of(edited(GOOD, ("table", "honesty", name), value)) == {
            f"/table/honesty/{name}": "figure_mismatch"
        }


@pytest.mark.parametrize("device", ["con", "a..b", "x" * 65, "A"])
def test_unsafe_device_names_are_refused(device: str) -> None:
    with pytest.raises(TableRefusedError) as caught:
        check_device(device)
    assert [fault.pointer for fault in caught.value.faults] == ["/path/device"]


def test_a_good_table_has_no_warning() -> None:
    assert table_warnings(good_table(SPACE), SPACE) == []


@pytest.mark.parametrize(
    ("changes", "drift", "expected"),
    [
        ({"honesty": None}, None, {"no_honesty"}),
        ({"uncertainty": None}, None, {"no_interval"}),
        ({}, 0.2, {"drift"}),
        ({}, 0.01, set()),
        ({"fixed_ms": 100.0}, None, {"unusual_speed"}),
    ],
)
def test_what_a_reader_must_know_is_told(changes: dict[str, Any], drift: float | None, expected: set[str]) -> None:
    table = dataclasses.replace(good_table(SPACE), **changes)
    assert codes_of(table_warnings(table, SPACE, drift)) == expected


def test_emulation_and_unknown_threads_are_told() -> None:
    provenance = dataclasses.replace(good_table(SPACE).provenance, emulated=True, threads=None)
    table: LatencyTable = dataclasses.replace(good_table(SPACE), provenance=provenance)
    assert codes_of(table_warnings(table, SPACE)) == {"emulated", "threads_unknown"}


@pytest.mark.parametrize(
    ("threads", "before", "told"), [(2, 1, True), (1, 1, False), (None, 1, False), (2, None, False)]
)
def test_other_threads_than_before_are_told_where_both_are_known(
    threads: int | None, before: int | None, told: bool
) -> None:
    found, replaced = (
        dataclasses.replace(good_table(SPACE), provenance=dataclasses.replace(good_table(SPACE).provenance, threads=n))
        for n in (threads, before)
    )
    assert ("threads_changed" in codes_of(table_warnings(found, SPACE, None, replaced))) is told


def test_the_drift_is_that_of_a_measurement() -> None:
    assert drift_of({"drift": {"slow_down": 0.25}}) == 0.25
    assert drift_of({"drift": None}) is None
    assert drift_of(GOOD) is None


def test_a_row_that_is_covered_as_a_part_of_another_space_is_kept() -> None:
    strange = OperatorKey.parse("winograd in=1x2x3 out=4x5x6 kernel=3")
    plain = {"operator_ms": GOOD["table"]["operator_ms"], "fixed_ms": 0.5}
    plain["covers"] = [*GOOD["table"]["covers"], str(strange)]
    assert strange in read_table(plain, DEVICE, SPACE).covers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = [
    ("format",), ("sha256",), ("table",), *(("table", name) for name in GOOD["table"]),
    *(("table", part, name) for part in ("provenance", "honesty", "uncertainty") for name in GOOD["table"][part]),
    ("table", "operator_ms", ROWS[0]), ("table", "covers", 0), ("table", "uncertainty", "factor", 1),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_json_anywhere_is_a_table_or_a_refusal_with_places(place: tuple[str, ...], value: object) -> None:
    try:
        table = read_table(edited(GOOD, place, value), DEVICE, SPACE)
        pointers = [f"/{table.device}"]
    except TableRefusedError as refused:
        pointers = [fault.pointer for fault in refused.faults]
    assert pointers
    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers)
    assert all(pointer.isascii() and (pointer == "" or pointer.isprintable()) for pointer in pointers)


@given(content=JSON)
def test_any_json_at_all_is_refused(content: object) -> None:
    assert faults_of(content)
