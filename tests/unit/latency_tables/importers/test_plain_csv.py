"""Tables as CSV: what is read, and every fault with its line."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_tables import ImportedRows, OperatorKey, TableImportError, read_plain_csv

STEM = "stem in=3x32x32 out=16x32x32 kernel=3 stride=1"
SKIP = "skip in=16x32x32 out=24x32x32 stride=2"
TABLE = f"operator,latency_ms\nfixed,0.5\n{STEM},1.25\n{SKIP},2e-1\n"


def read(text: str | bytes) -> ImportedRows:
    return read_plain_csv(text if isinstance(text, bytes) else text.encode(), "table.csv")


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(TableImportError) as raised:
        read(text)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace("\n", "\r\n"),
        TABLE.rstrip("\n"),
        TABLE.replace("\nfixed", "\n\nfixed") + "\n\n",
        TABLE.replace(STEM, f'"{STEM}"'),
        TABLE.replace(",", " , "),
        f"std,latency_ms,operator,runs\n,0.5,fixed,\n0.1,1.25,{STEM},9\nx,0.2,{SKIP},9\n",
    ],
)
def test_a_table_is_read(text: str | bytes) -> None:
    rows = read(text)
    assert rows.operator_ms == {OperatorKey.parse(STEM): 1.25, OperatorKey.parse(SKIP): 0.2}
    assert (rows.fixed_ms, rows.covers, rows.left_out) == (0.5, frozenset(), ())


def test_without_a_fixed_row_it_is_not_known() -> None:
    assert read(f"operator,latency_ms\n{STEM},1\n").fixed_ms is None


@pytest.mark.parametrize("zero", ["0", "0.0", "0.000"])
def test_a_fixed_cost_may_be_zero_where_it_is_said(zero: str) -> None:
    assert read(f"operator,latency_ms\n{STEM},1\nfixed,{zero}\n").fixed_ms == 0


def test_operators_inside_the_fixed_cost() -> None:
    rows = read(f"operator,latency_ms\nfixed,3\n{STEM},covered\n{SKIP},1\n")
    assert rows.covers == {OperatorKey.parse(STEM)}
    assert list(rows.operator_ms) == [OperatorKey.parse(SKIP)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have one column 'operator'; it has: nothing"),
        (f"{STEM},1.5\n", "must have one column 'operator'"),
        ("operator,latency_us\n", "must have one column 'latency_ms'; it has: operator, latency_us"),
        ("operator,latency_ms,latency_ms\n", "must have one column 'latency_ms'"),
        ("Operator,latency_ms\n", "must have one column 'operator'"),
        ("operator;latency_ms\n", "separate the columns by commas"),
        ("operator\tlatency_ms\n", "separate the columns by commas"),
        ("operator,latency_ms\n", "has no rows below its header"),
        (b"operator,latency_ms\n\xff,1\n", "line 2: is not UTF-8"),
        (TABLE.encode("utf-16"), "is not UTF-8"),
        ('operator,latency_ms\n"open', "line 2: is no CSV"),
        ('operator,latency_ms\n"a"b,1\n', "line 2: is no CSV"),
        ("operator,latency_ms\n" + "a" * 200_000 + ",1\n", "line 2: is no CSV"),
        (b"x" * (8 * 2**20 + 1), "is larger than"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_such_table_is_refused(text: str | bytes, words: str) -> None:
    assert words in " ".join(refused(text))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"{STEM}", "has 1 cells, the header 2"),
        (f"{STEM},1,2", "has 3 cells, the header 2"),
        (f"{STEM},1,5", "has 3 cells"),
        (f"{STEM},", "has no latency_ms"),
        (f"{STEM},fast", "not a number"),
        (f"{STEM},nan", "not a number"),
        (f"{STEM},inf", "not a number"),
        (f"{STEM},Covered", "not a number"),
        (f"{STEM},1 ms", "not a number"),
        (f"{STEM},1e400", "out of range"),
        (f"{STEM},0", "must be above 0; leave out"),
        (f"{STEM},-0.5", "must be above 0"),
        (f"{STEM},1e6", "another unit"),
        ("fixed,-1", "must be above 0"),
        ("fixed,1e6", "another unit"),
        ("fixed,covered", "not a number"),
        (",1", "is not an operator key"),
        ("Fixed,1", "is not an operator key"),
        ("stem,1", "is not an operator key"),
        (f"{STEM} stride=2,1", "is not an operator key"),
        (f"{STEM.replace('kernel=3 stride=1', 'stride=1 kernel=3')},1", "is not an operator key"),
        (f"{STEM.replace('3x32x32', '3x32')},1", "is not an operator key"),
        (f"{SKIP},1", "stands in line 2, too"),
        (f'"{SKIP}",1', "stands in line 2, too"),
        ("fixed,1\nfixed,1", "stands in line 3, too"),
        ("\x00,1", "is not an operator key"),
    ],
)
def test_a_faulty_row_is_named_with_its_line(row: str, words: str) -> None:
    (fault,) = refused(f"operator,latency_ms\n{SKIP},1\n{row}\n")
    assert fault.startswith(f"line {2 + len(row.splitlines())}")
    assert words in fault
    assert "\x00" not in fault


def test_all_faults_come_at_once() -> None:
    text = "operator,latency_ms\n" + "".join(f"bad{number},1\n" for number in range(30))
    with pytest.raises(TableImportError) as raised:
        read(text)
    assert [fault.line for fault in raised.value.faults] == list(range(2, 32))
    assert str(raised.value).endswith("and 10 more")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TABLE) - 1), st.integers(0, 3), st.sampled_from(list(',;"\n\r\x00 0e-é=x'))),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_changed_is_read_or_refused(changes: list[tuple[int, int, str]]) -> None:
    text = TABLE
    for place, cut, put in changes:
        text = text[:place] + put + text[place + cut :]
    operator_ms: Mapping[OperatorKey, float] = {}
    with contextlib.suppress(TableImportError):
        operator_ms = read(text).operator_ms
    assert all(0 < ms <= 10_000 for ms in operator_ms.values())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(TableImportError):
        read(data)
