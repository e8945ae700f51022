"""What every layout is read into, and the table that one or several files make together.

Part of `latency_tables/importers/`: `block_yaml` and `plain_csv` read, `imported_table` joins, the service stores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from latency_tables.errors import RowFault, TableImportError
from latency_tables.operator_key import OperatorKey
from latency_tables.provenance import Provenance
from latency_tables.table import LatencyTable

LARGEST_BYTES = 8 * 2**20
SLOWEST_MS = 10_000.0
"""One operator for one image takes no longer on anything that is searched for."""
LEAST_SLOWEST_MS = 1e-3
"""The slowest operator of a space takes no less on any device."""
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class ImportedRows:
    """The rows of one file.

    Attributes:
        path: only names the file in messages.
        operator_ms: at least one operator, or something in `covers`.
        fixed_ms: None where the file does not give it.
        covers: operators whose time is inside the fixed cost.
        left_out: rows that are no operator of lutnas, each with the reason.
        notes: what was assumed in reading, for the table's provenance.
    """

    path: str
    operator_ms: Mapping[OperatorKey, float]
    fixed_ms: float | None = None
    covers: frozenset[OperatorKey] = frozenset()
    left_out: tuple[RowFault, ...] = ()
    notes: str = ""


@dataclass
class Faults:
    """Collects what is wrong with a file, so that all of it is told at once."""

    path: str
    found: list[RowFault] = field(default_factory=list)

    def add(self, line: int | None, row: str, reason: str) -> None:
        """Remember one fault."""
        self.found.append(RowFault(line, row, reason))

    def raise_if_any(self) -> None:
        """Raises TableImportError with everything found so far, in the order of the lines."""
        if self.found:
            raise TableImportError(self.path, sorted(self.found, key=lambda fault: fault.line or 0))


def decoded(data: bytes, path: str) -> str:
    """A file's text without a byte order mark.

    Raises:
        TableImportError: it is too large, or not UTF-8.
    """
    if len(data) > LARGEST_BYTES:
        raise TableImportError(path, [RowFault(None, "", f"is larger than {LARGEST_BYTES} bytes, which no table is")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableImportError(path, [RowFault(line, "", "is not UTF-8 text; save the file as UTF-8")]) from error


def latency_fault(text: str, name: str) -> str | None:
    """Why a cell is no latency of one operator in ms, or None: a zero is none, since nothing takes no time."""
    if not _NUMBER.fullmatch(text):
        return f"{name} is {text[:40]!r}, not a number" if text else f"has no {name}"
    ms = float(text)
    if not math.isfinite(ms):
        return f"{name} {text[:40]} is out of range"
    if ms <= 0:
        return f"{name} {text[:40]} must be above 0; leave out the row of an operator that was not measured"
    if ms > SLOWEST_MS:
        return f"{name} {text[:40]} is more than {SLOWEST_MS:.0f} ms for one operator; is another unit meant?"
    return None


def imported_table(parts: Sequence[ImportedRows], space: str, provenance: Provenance) -> LatencyTable:
    """Join the rows of one or several files into the table of `provenance.device`.

    It may lack operators of the space: `LatencyTable.missing` names them, and whoever stores the table refuses them.

    Raises:
        TableImportError: two files have the same operator or both a fixed cost, `covers` without a fixed cost, all
            rows so short that another unit is meant, or no row at all.
    """
    faults = Faults(", ".join(part.path for part in parts))
    _check_disjoint(parts, faults)
    rows = {key: ms for part in parts for key, ms in part.operator_ms.items()}
    fixed = next((part.fixed_ms for part in parts if part.fixed_ms is not None), None)
    covers = frozenset(chain.from_iterable(part.covers for part in parts))
    if not rows:
        faults.add(None, "", "has no row of an operator of lutnas" + _reasons(parts))
    elif max(rows.values()) < LEAST_SLOWEST_MS:
        faults.add(None, "", f"no operator takes {LEAST_SLOWEST_MS:g} ms or more; are these seconds?")
    if covers and not fixed:
        faults.add(None, "", "has rows that are 'covered', but no 'fixed' row above 0 to cover them")
    faults.raise_if_any()
    return LatencyTable(provenance.device, space, fixed or 0.0, covers, rows, provenance)


def _check_disjoint(parts: Iterable[ImportedRows], faults: Faults) -> None:
    seen: dict[OperatorKey, str] = {}
    fixed_in = ""
    for part in parts:
        for key in (*part.operator_ms, *part.covers):
            if key in seen:
                faults.add(None, str(key), f"stands in {seen[key]} and in {part.path}; remove one")
            seen[key] = part.path
        if part.fixed_ms is not None and fixed_in:
            faults.add(None, "fixed", f"stands in {fixed_in} and in {part.path}; remove one")
        fixed_in = part.path if part.fixed_ms is not None else fixed_in


def _reasons(parts: Iterable[ImportedRows]) -> str:
    left_out = [fault for part in parts for fault in part.left_out]
    return f": {left_out[0]}" if left_out else ""
