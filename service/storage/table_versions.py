"""Versions of latency tables by content: `<tables_dir>/<device>/versions/<space>/<sha256>.json`, never changed.

A search names the versions it uses, so that it finds the same tables when newer ones have come (`table_shelf.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from latency_tables import LatencyTable, TableFileError, read_table, write_table
from service.device_name import is_safe_name

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class TableVersion:
    """One version of a table.

    Attributes:
        date: of the measurement, as its provenance states it.
        stored_ns: when the file was written, in nanoseconds since 1970.
    """

    sha256: str
    date: str
    kind: str
    stored_ns: int


class TableVersions:
    """Every version of the user's tables that was put or searched with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._described: dict[Path, TableVersion] = {}

    def add(self, table: LatencyTable) -> bool:
        """Keep a version; whether it is new.

        Raises:
            TableFileError: it cannot be written; nothing is left behind.
        """
        path = self._path(table.device, table.space, table.sha256)
        if path is None:
            raise TableFileError(f"of {table.device} for {table.space}", "its device or space is no safe file name.")
        if path.exists():
            return False
        write_table(table, path)
        return True

    def remove(self, table: LatencyTable) -> None:
        """Forget a version that was added and could not be used; none is fine."""
        path = self._path(table.device, table.space, table.sha256)
        if path is not None:
            path.unlink(missing_ok=True)

    def read(self, device: str, space: str, sha256: str) -> LatencyTable | None:
        """A version; None where there is no such one, whatever the texts are.

        Raises:
            TableFileError: its file is damaged, or holds another table.
        """
        path = self._path(device, space, sha256)
        if path is None or not path.exists():
            return None
        table = read_table(path)
        if (table.device, table.space, table.sha256) != (device, space, sha256):
            raise TableFileError(str(path), "holds another table than its name says. Delete the file.")
        return table

    def of(self, device: str, space: str) -> tuple[TableVersion, ...]:
        """Versions of a device's table for a space, the last written first; damaged files are left out."""
        if not (is_safe_name(device) and is_safe_name(space)):
            return ()
        paths = (self._folder / device / "versions" / space).glob("[!.]*.json")
        found = [version for path in paths if (version := self._describe(path)) is not None]
        return tuple(sorted(found, key=lambda version: (-version.stored_ns, version.sha256)))

    def _describe(self, path: Path) -> TableVersion | None:
        """What a file holds; read once, since versions never change."""
        if path not in self._described:
            try:
                stored_ns, table = path.stat().st_mtime_ns, read_table(path)
            except (OSError, TableFileError):
                return None
            if table.sha256 != path.stem:
                return None
            provenance = table.provenance
            self._described[path] = TableVersion(table.sha256, provenance.date, provenance.kind, stored_ns)
        return self._described[path]

    def _path(self, device: str, space: str, sha256: str) -> Path | None:
        if not (is_safe_name(device) and is_safe_name(space) and _SHA256.fullmatch(sha256)):
            return None
        return self._folder / device / "versions" / space / f"{sha256}.json"
