"""A table that a client sends, from JSON to a LatencyTable that is sure to serve its space.

Called by `api/device_tables.py`. Every fault is found at once; nothing of what was sent is repeated but operators.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from latency_tables import (
    Honesty,
    LatencyTable,
    OperatorKey,
    Provenance,
    TableFileError,
    Uncertainty,
    canonical_json,
    format_table,
    parse_table,
)
from search import Space
from service.errors import BodyTooLargeError, Fault
from service.json_pointer import pointer
from service.json_size import size_faults
from service.table_checks import (
    PlacedFault,
    figure_faults,
    name_faults,
    operator_faults,
    safe_name_faults,
    shape_faults,
    time_faults,
)
from service.table_document import FORMAT, HonestyBody, TableBody, TableDocument, UncertaintyBody
from service.table_errors import TableRefusedError

MOST_BYTES = 8 * 2**20
MOST_ROWS = 20_000
MOST_CELLS = MOST_BYTES // 8
"""Of the covariance: more do not fit into a file, in which each takes a line."""
_MOST = {"operator_ms": MOST_ROWS, "covers": MOST_ROWS, "neighbour_ms": MOST_ROWS, "factor": MOST_ROWS + 1}
_MOST |= {"predicted_ms": 10_000, "measured_ms": 10_000}
_SHA256 = re.compile("[0-9a-f]{64}")
_HINTS = {
    "operator_ms": "Milliseconds for one image. What computes takes time; put what fixed_ms holds in covers.",
    "neighbour_ms": "Milliseconds for one image.",
    "fixed_ms": "Milliseconds for one image.",
}


def check_device(device: str) -> None:
    """Refuse a device's name that is no safe file name.

    Raises:
        TableRefusedError: it is not.
    """
    faults = list(safe_name_faults(device))
    if faults:
        raise refusal(faults)


def read_table(content: object, device: str, space: Space) -> LatencyTable:
    """The table in a body: a whole document, or a plain `{"operator_ms": ..., "fixed_ms": ...}` written by hand.

    Raises:
        TableRefusedError: with every fault.
        BodyTooLargeError: the table's file would be too large.
    """
    if not isinstance(content, dict):
        raise TableRefusedError([Fault("", "object_type", "The body must be a JSON object: a table or a measurement.")])
    plain = "table" not in content and "operator_ms" in content
    crowded = list(size_faults(content, _MOST))
    if crowded:
        raise refusal(crowded)
    document = _completed({"table": content} if plain else content, device, space.name)
    if _count_cells(document) > MOST_CELLS:
        raise BodyTooLargeError(MOST_BYTES, "The table's file would be")
    table, faults = _table(document, device, space)
    faults += _sha256_faults(content, table)
    if faults or table is None:
        # Pointers lead into what was sent, and a plain table has no `table` around it.
        raise refusal((place[1:] if plain else place, code, detail) for place, code, detail in faults)
    check_file(table)
    return table


def _count_cells(document: Mapping[str, Any]) -> int:
    table = document.get("table")
    uncertainty = table.get("uncertainty") if isinstance(table, dict) else None
    factor = uncertainty.get("factor") if isinstance(uncertainty, dict) else None
    return sum(len(row) for row in factor if isinstance(row, list)) if isinstance(factor, list) else 0


def refusal(faults: Iterable[PlacedFault]) -> TableRefusedError:
    """The error that tells these faults."""
    return TableRefusedError([Fault(pointer(place), code, detail) for place, code, detail in faults])


def _completed(document: Mapping[str, Any], device: str, space: str) -> dict[str, Any]:
    """The document with the names of the address where it leaves them out."""
    table = document.get("table")
    if not isinstance(table, dict):
        return dict(document)
    provenance = table.get("provenance", {})
    if isinstance(provenance, dict):
        provenance = {"device": device} | provenance
    return dict(document) | {"table": {"device": device, "space": space} | table | {"provenance": provenance}}


def _table(document: Mapping[str, Any], device: str, space: Space) -> tuple[LatencyTable | None, list[PlacedFault]]:
    """The table of a document, or what is wrong with it."""
    faults: list[PlacedFault] = []
    content = document.get("table")
    if isinstance(content, dict):
        found = (*name_faults(content, device, space.name), *shape_faults(content), *operator_faults(content, space))
        faults += _inside_table(found)
    try:
        body = TableDocument.model_validate(document).table
    except ValidationError as error:
        return None, [*map(_form_fault, error.errors(include_input=False, include_url=False)), *faults]
    if faults:
        return None, faults
    table = _made(body, device, space.name)
    return table, list(_inside_table((*figure_faults(table), *time_faults(table, space))))


def _inside_table(faults: Iterable[PlacedFault]) -> Iterator[PlacedFault]:
    return ((("table", *place), code, detail) for place, code, detail in faults)


def _form_fault(fault: Any) -> PlacedFault:
    place = tuple(part for part in fault["loc"] if part != "[key]")
    if place == ("format",):
        return place, "unsupported_format", f"This version reads {FORMAT}, and measurements of its agent."
    hint = _HINTS.get(str(place[1])) if len(place) > 1 else None
    detail = f"{str(fault['msg']).rstrip('.')}." + (f" {hint}" if hint else "")
    return place, str(fault["type"]), detail


def _sha256_faults(sent: Mapping[str, Any], table: LatencyTable | None) -> list[PlacedFault]:
    """A fingerprint that is neither that of the table as sent nor that of the table as it would be stored."""
    stated, content = sent.get("sha256"), sent.get("table")
    if not isinstance(stated, str) or not _SHA256.fullmatch(stated) or not isinstance(content, dict):
        return []
    found = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    if stated in (found, table.sha256 if table is not None else found):
        return []
    reason = f"States {stated}, the table has {found}. Get the document again, or leave sha256 out after an edit."
    return [(("sha256",), "sha256_mismatch", reason)]


def _made(body: TableBody, device: str, space: str) -> LatencyTable:
    provenance = Provenance(**(body.provenance.model_dump() | {"device": device}))
    return LatencyTable(
        device,
        space,
        body.fixed_ms,
        frozenset(map(OperatorKey.parse, body.covers)),
        {OperatorKey.parse(text): ms for text, ms in body.operator_ms.items()},
        provenance,
        None if body.honesty is None else _honesty(body.honesty),
        None if body.uncertainty is None else _uncertainty(body.uncertainty),
        {_neighbours(text): ms for text, ms in body.neighbour_ms.items()},
    )


def _honesty(body: HonestyBody) -> Honesty:
    pairs = {name: tuple(getattr(body, name)) for name in ("predicted_ms", "measured_ms")}
    return Honesty(**(body.model_dump() | pairs))


def _uncertainty(body: UncertaintyBody) -> Uncertainty:
    return Uncertainty(tuple(map(tuple, body.factor)), body.noise, body.quantile)


def _neighbours(text: str) -> tuple[OperatorKey, OperatorKey]:
    first, second = text.split(" -> ")
    return OperatorKey.parse(first), OperatorKey.parse(second)


def check_file(table: LatencyTable) -> None:
    """See that the table's file could be read again.

    Raises:
        BodyTooLargeError: it would be larger than any table may be.
        TableRefusedError: it would break the file's format.
    """
    try:
        content = format_table(table).encode()
        if len(content) <= MOST_BYTES:
            parse_table(content, "in the body")
    except TableFileError as error:
        raise TableRefusedError([Fault("", "invalid_table", error.reason)]) from error
    if len(content) > MOST_BYTES:
        raise BodyTooLargeError(MOST_BYTES, "The table's file would be")
