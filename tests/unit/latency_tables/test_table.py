"""What a latency table answers."""

from __future__ import annotations

import dataclasses

import pytest

from latency_tables import LatencyTable, MissingOperatorError, OperatorKey, Uncertainty

SKIP = OperatorKey("skip", (16, 32, 32), (24, 32, 32), (("stride", 1),))
STEM = OperatorKey("stem", (3, 32, 32), (16, 32, 32), (("kernel", 3), ("stride", 1)))
UNKNOWN = OperatorKey("skip", (1, 2, 2), (3, 2, 2), (("stride", 1),))


def test_total_is_fixed_cost_and_one_cost_per_operator(table: LatencyTable) -> None:
    assert table.total_ms([STEM, SKIP, SKIP]) == 1.5 + 2.0 + 2.0


def test_total_of_no_operators_is_the_fixed_cost(table: LatencyTable) -> None:
    assert table.total_ms([]) == 1.5


def test_a_covered_operator_costs_nothing_more(table: LatencyTable) -> None:
    assert table.latency_ms(STEM) == 0.0


def test_an_unknown_operator_is_an_error_and_never_zero(table: LatencyTable) -> None:
    with pytest.raises(MissingOperatorError, match="no row for: skip in=1x2x2") as caught:
        table.latency_ms(UNKNOWN)
    assert caught.value.device == "my-board"
    assert caught.value.operator_keys == (str(UNKNOWN),)


def test_total_names_every_missing_operator_once(table: LatencyTable) -> None:
    other = dataclasses.replace(UNKNOWN, kind="head")
    with pytest.raises(MissingOperatorError) as caught:
        table.total_ms([UNKNOWN, SKIP, other, UNKNOWN])
    assert caught.value.operator_keys == (str(UNKNOWN), str(other))


def test_missing_lists_in_order_without_repetition(table: LatencyTable) -> None:
    assert table.missing([STEM, UNKNOWN, SKIP, UNKNOWN]) == (UNKNOWN,)


def test_a_table_keeps_its_own_copy_of_the_rows(table: LatencyTable) -> None:
    rows = {SKIP: 2.0}
    copy = dataclasses.replace(table, operator_ms=rows)
    rows[SKIP] = 99.0
    assert copy.latency_ms(SKIP) == 2.0


def test_sha256_does_not_depend_on_the_order_of_rows(table: LatencyTable) -> None:
    forward = dataclasses.replace(table, operator_ms={SKIP: 2.0, UNKNOWN: 1.0})
    backward = dataclasses.replace(table, operator_ms={UNKNOWN: 1.0, SKIP: 2.0})
    assert forward.sha256 == backward.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"fixed_ms": 1.6},
        {"space": "other"},
        {"uncertainty": Uncertainty(((0.1,),) * 2, 0.1, 1.6)},
        {"operator_ms": {SKIP: 2.1}},
    ],
)
def test_sha256_depends_on_everything(table: LatencyTable, change: dict[str, object]) -> None:
    assert dataclasses.replace(table, **change).sha256 != table.sha256  # type: ignore[arg-type]


def test_kind_is_that_of_the_provenance(table: LatencyTable) -> None:
    assert table.kind == "measured"
