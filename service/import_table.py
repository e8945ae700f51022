"""Latency tables of other layouts: read, joined, checked against a space, published (`lutnas devices import`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from latency_tables import (
    ImportedRows,
    LatencyTable,
    OperatorKey,
    Provenance,
    RowFault,
    TableImportError,
    imported_table,
    read_block_yaml,
    read_plain_csv,
)
from search import Space, load_space
from service.device_name import check_device_name
from service.storage.data_folder import make_writable
from service.table_checks import time_faults
from service.table_shelf import TableShelf
from service.table_warnings import table_warnings

LAYOUTS: Mapping[str, Callable[[bytes, str], ImportedRows]] = {"ofa": read_block_yaml, "csv": read_plain_csv}
_SUFFIXES = {".yaml": "ofa", ".yml": "ofa", ".csv": "csv"}
_LARGEST_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Import:
    """What files of other layouts make together.

    Attributes:
        missing: operators of the space that no file has, in the space's order; a table with any is not published.
        left_out: rows that are no operator of lutnas, by file.
        warnings: what to know before trusting a complete table.
    """

    paths: str
    table: LatencyTable
    missing: tuple[OperatorKey, ...]
    left_out: Mapping[str, tuple[RowFault, ...]]
    needed: int
    warnings: tuple[str, ...] = ()


def read_tables(files: Sequence[Path], layout: str | None, space: str, provenance: Provenance) -> Import:
    """Read files of one or several layouts as one table; `layout` None goes by each file's name.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        UnknownSpaceError: no such space.
        TableImportError: a file cannot be read or is faulty, with every faulty row of the first such file; or the
            table has every operator, and times that no device has.
    """
    check_device_name(provenance.device)
    searched = load_space(space)
    needed = tuple(block.operator_key for block in searched.operators() if block.operator_key is not None)
    parts = [_read(path, layout) for path in files]
    notes = " ".join(dict.fromkeys([provenance.notes, *(part.notes for part in parts)]))
    table = imported_table(parts, space, replace(provenance, notes=notes.strip()))
    left_out = {part.path: part.left_out for part in parts if part.left_out}
    missing, paths = table.missing(needed), ", ".join(map(str, files))
    if missing:
        return Import(paths, table, missing, left_out, len(needed))
    _check_times(table, searched, paths)
    warnings = tuple(warning["detail"] for warning in table_warnings(table, searched))
    return Import(paths, table, (), left_out, len(needed), warnings)


def publish(found: Import, shelf: TableShelf, tables_dir: Path) -> bool:
    """Make an imported table the current one of its device and space; whether it differs from the one before.

    Raises:
        TableImportError: operators of the space are missing; nothing is written.
        DataFolderError: nothing can be written there.
        StorageError: it cannot be written; the table before it stays.
    """
    if found.missing:
        reason = f"is missing, and {found.table.space} needs it; give a CSV with it beside"
        raise TableImportError(found.paths, [RowFault(None, str(key), reason) for key in found.missing])
    make_writable(tables_dir / found.table.device)
    published = shelf.publish(found.table)
    return published.before is None or published.before.sha256 != found.table.sha256


def _check_times(table: LatencyTable, space: Space, paths: str) -> None:
    faults = [RowFault(None, " ".join(map(str, place[1:])), reason) for place, _, reason in time_faults(table, space)]
    if faults:
        raise TableImportError(paths, faults)


def _read(path: Path, layout: str | None) -> ImportedRows:
    chosen = layout or _SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        reason = f"its name does not tell its layout; choose with --layout {' or '.join(LAYOUTS)}"
        raise TableImportError(str(path), [RowFault(None, "", reason)])
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise TableImportError(str(path), [RowFault(None, "", f"cannot be read ({error.strerror})")]) from error
    return LAYOUTS[chosen](data, str(path))
