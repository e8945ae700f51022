"""Rows of one or several files as one table."""

from __future__ import annotations

import pytest

from latency_tables import (
    ImportedRows,
    LatencyTable,
    OperatorKey,
    Provenance,
    RowFault,
    TableImportError,
    format_table,
    imported_table,
    parse_table,
    read_plain_csv,
)

STEM = OperatorKey("stem", (3, 32, 32), (16, 32, 32), (("kernel", 3), ("stride", 1)))
SKIP = OperatorKey("skip", (16, 32, 32), (24, 32, 32), (("stride", 2),))
PROVENANCE = Provenance(
    "my-board", "unknown", "unknown", "unknown", None, 1, "unknown", None, "unknown", "unknown", "tests", "published"
)


def table(*parts: ImportedRows) -> LatencyTable:
    return imported_table(parts, "fbnet-cifar10", PROVENANCE)


def refused(*parts: ImportedRows) -> str:
    with pytest.raises(TableImportError) as raised:
        table(*parts)
    return str(raised.value)


def test_a_table_is_published_and_has_no_honesty() -> None:
    made = table(ImportedRows("a.csv", {STEM: 1.5}, 0.25))
    assert (made.device, made.space, made.kind) == ("my-board", "fbnet-cifar10", "published")
    assert (made.honesty, made.uncertainty, made.neighbour_ms) == (None, None, {})
    assert made.total_ms([STEM, STEM]) == 3.25


def test_it_is_a_table_of_the_file_format() -> None:
    made = table(ImportedRows("a.csv", {STEM: 1.5}, 0.25, frozenset({SKIP})))
    assert parse_table(format_table(made).encode(), "a.json") == made


def test_files_are_joined() -> None:
    made = table(ImportedRows("a.yaml", {STEM: 1.5}), ImportedRows("b.csv", {SKIP: 0.5}, 0.25))
    assert made.operator_ms == {STEM: 1.5, SKIP: 0.5}
    assert made.fixed_ms == 0.25


def test_what_is_missing_is_missing() -> None:
    assert table(ImportedRows("a.csv", {STEM: 1.5})).missing([SKIP, STEM]) == (SKIP,)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((ImportedRows("a", {STEM: 1.0}), ImportedRows("b", {STEM: 1.0})), "stands in a and in b"),
        ((ImportedRows("a", {STEM: 1.0}), ImportedRows("b", {}, 1.0, frozenset({STEM}))), "stands in a and in b"),
        ((ImportedRows("a", {STEM: 1.0}, 1.0), ImportedRows("b", {SKIP: 1.0}, 1.0)), "fixed: stands in a and in b"),
        ((ImportedRows("a", {STEM: 1.0}, None, frozenset({SKIP})),), "no 'fixed' row"),
        ((ImportedRows("a", {STEM: 1.0}, 0.0, frozenset({SKIP})),), "no 'fixed' row"),
        ((ImportedRows("a", {STEM: 9e-4, SKIP: 1e-6}),), "are these seconds?"),
        ((ImportedRows("a", {}, 1.0),), "has no row of an operator of lutnas"),
        ((ImportedRows("a", {}, None, frozenset(), (RowFault(3, "key", "has h-swish"),)),), "line 3, key: has h-swish"),
        ((), "has no row of an operator of lutnas"),
    ],
)
def test_rows_that_do_not_go_together_are_refused(parts: tuple[ImportedRows, ...], words: str) -> None:
    assert words in refused(*parts)


def test_all_conflicts_come_at_once() -> None:
    text = refused(ImportedRows("a", {STEM: 1.0, SKIP: 1.0}, 1.0), ImportedRows("b", {SKIP: 1.0, STEM: 1.0}, 2.0))
    assert text.count("stands in a and in b") == 3


def test_a_table_written_as_csv_comes_back() -> None:
    made = table(ImportedRows("a.csv", {STEM: 0.1 + 0.2, SKIP: 1 / 3}, 2 / 3))
    rows = "".join(f"{key},{ms!r}\n" for key, ms in made.operator_ms.items())
    again = read_plain_csv(f"operator,latency_ms\nfixed,{made.fixed_ms!r}\n{rows}".encode(), "again.csv")
    assert table(again).sha256 == made.sha256
