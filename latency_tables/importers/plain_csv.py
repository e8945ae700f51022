"""A table as CSV: `operator,latency_ms`, one row per operator; `fixed` for the fixed cost.

Part of `latency_tables/importers/`; the layout is in `docs/latency-tables.md`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from latency_tables.errors import OperatorKeyError, RowFault, TableImportError
from latency_tables.importers.rows import Faults, ImportedRows, decoded, latency_fault
from latency_tables.operator_key import OperatorKey

FIXED, COVERED = "fixed", "covered"
_ZERO = re.compile(r"0+(\.0*)?")
_COLUMNS = ("operator", "latency_ms")


def read_plain_csv(data: bytes, path: str) -> ImportedRows:
    """Read a CSV table; columns beside `operator` and `latency_ms` are ignored. `path` only names it in messages.

    Raises:
        TableImportError: with every faulty row and its line.
    """
    faults = Faults(path)
    operator_ms: dict[OperatorKey, float] = {}
    covers: set[OperatorKey] = set()
    fixed: list[float] = []
    first_line: dict[str, int] = {}
    for line, operator, latency in _rows(decoded(data, path), faults):
        if operator in first_line:
            faults.add(line, operator, f"stands in line {first_line[operator]}, too; remove one")
            continue
        first_line[operator] = line
        reason = _row_fault(operator, latency)
        if reason is not None:
            faults.add(line, operator, reason)
        elif operator == FIXED:
            fixed.append(float(latency))
        elif latency == COVERED:
            covers.add(OperatorKey.parse(operator))
        else:
            operator_ms[OperatorKey.parse(operator)] = float(latency)
    if not first_line and not faults.found:
        faults.add(None, "", "has no rows below its header")
    faults.raise_if_any()
    return ImportedRows(path, operator_ms, fixed[0] if fixed else None, frozenset(covers))


def _row_fault(operator: str, latency: str) -> str | None:
    if operator == FIXED:
        return None if _ZERO.fullmatch(latency) else latency_fault(latency, "latency_ms")
    try:
        OperatorKey.parse(operator)
    except OperatorKeyError as error:
        return str(error)
    return None if latency == COVERED else latency_fault(latency, "latency_ms")


def _rows(text: str, faults: Faults) -> Iterator[tuple[int, str, str]]:
    """Line, operator and latency of every row; a row of another width is a fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        operator_at, latency_at = _places(header, faults)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                faults.add(reader.line_num, cells[0], f"has {len(cells)} cells, the header {len(header)}")
                continue
            yield reader.line_num, cells[operator_at].strip(), cells[latency_at].strip()
    except csv.Error as error:
        raise TableImportError(faults.path, [RowFault(reader.line_num, "", f"is no CSV: {error}")]) from error


def _places(header: list[str], faults: Faults) -> tuple[int, int]:
    names = [name.strip() for name in header]
    for wanted in _COLUMNS:
        if names.count(wanted) != 1:
            shown = ", ".join(names)[:200]
            reason = f"the header must have one column {wanted!r}; it has: {shown or 'nothing'}"
            faults.add(1, "", reason + _separator_hint(header))
    faults.raise_if_any()
    return names.index(_COLUMNS[0]), names.index(_COLUMNS[1])


def _separator_hint(header: list[str]) -> str:
    alone = len(header) == 1 and any(mark in header[0] for mark in ";\t")
    return "; separate the columns by commas, and write decimals with a point" if alone else ""
