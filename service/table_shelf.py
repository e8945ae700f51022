"""TableShelf: shipped latency tables and the user's own, which may come and go while the server runs.

`lutnas measure`, `lutnas devices import` and `PUT /v1/devices/{device}/tables/{space}` publish the user's tables as
`<data_dir>/tables/<device>/<space>.json`. A look costs a `stat` per file. What a search uses is kept by its sha256.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from latency_tables import LatencyTable, LatencyTableError, OperatorKey, TableFileError, read_table, write_table
from service.errors import StorageError, StorageFullError
from service.storage.table_versions import TableVersion, TableVersions
from service.table_errors import TableStorageError

_LOG = logging.getLogger("lutnas.tables")
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
TableName = tuple[str, str]
"""Device, space."""
Operators = Mapping[str, tuple[OperatorKey, ...]]
"""For each space the operators that a table must hold."""


@dataclass(frozen=True)
class Published:
    """What became of a table that was published.

    Attributes:
        is_new: whether it is a version not seen before.
        before: the table that it stands in front of now, the user's or a shipped one; None where there was none, the
            table itself where nothing changed.
    """

    is_new: bool
    before: LatencyTable | None


class TableShelf:
    """Tables by (device, space); a table of the user stands in front of a shipped one of the same name."""

    def __init__(self, shipped: Mapping[TableName, LatencyTable], folder: Path, operators: Operators) -> None:
        """Read all tables. The user's damaged ones, or those of another format, are told and not used.

        Raises:
            TableFileError: a shipped table does not serve its space.
        """
        self._folder = folder
        self._operators = operators
        self._versions = TableVersions(folder)
        self._lock = threading.Lock()
        self._stamps: dict[Path, tuple[int, int, int]] = {}
        self._read: dict[Path, LatencyTable] = {}
        self._damaged: dict[Path, TableFileError] = {}
        self._shipped = {name: table for name, table in shipped.items() if table.space in operators}
        for (device, space), table in self._shipped.items():
            self._check_complete(f"shipped, of {device} for {space}", table)
        self._look()

    def tables(self) -> dict[TableName, LatencyTable]:
        """All tables that can be used now."""
        with self._lock:
            self._look_and_tell()
            usable = [table for table in self._read.values() if table.space in self._operators]
            own = {(table.device, table.space): table for table in usable}
            return self._shipped | own

    def serve(self, operators: Operators) -> None:
        """Offer tables for these spaces from now on; the user's are checked against them again."""
        with self._lock:
            self._operators = operators
            self._stamps, self._read, self._damaged = {}, {}, {}

    def others(self, device: str, space: str) -> list[LatencyTable]:
        """Tables that say how other real devices divide their time among a space's operators; emulated ones do not."""
        found = (table for (name, made_for), table in self.tables().items() if made_for == space and name != device)
        return [table for table in found if not table.provenance.emulated]

    def path(self, device: str, space: str) -> Path:
        """The file of the user's table."""
        return self._folder / device / f"{space}.json"

    def damaged(self) -> tuple[TableFileError, ...]:
        """Why files of the user cannot be used."""
        with self._lock:
            self._look_and_tell()
            return tuple(self._damaged.values())

    def version(self, device: str, space: str, sha256: str) -> LatencyTable | None:
        """One version of a table, current or not; None where it is not here, whatever the texts are.

        Raises:
            TableFileError: its file is damaged.
        """
        shipped = self._shipped.get((device, space))
        for table in (self.tables().get((device, space)), shipped):
            if table is not None and table.sha256 == sha256:
                return table
        return self._versions.read(device, space, sha256)

    def versions(self, device: str, space: str) -> tuple[TableVersion, ...]:
        """The versions kept, the last one first."""
        return self._versions.of(device, space)

    def keep(self, table: LatencyTable) -> str:
        """Keep a version for as long as searches may ask for it; its sha256.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            self._versions.add(table)
        except TableFileError as error:
            raise _storage_error(error) from error
        return table.sha256

    def publish(self, table: LatencyTable) -> Published:
        """Make a table the current one of its device and space; the user's table before it is kept as a version.

        Raises:
            StorageError: it cannot be written; the table before it stays.
        """
        with self._lock:
            self._look_and_tell()
            own = self._read.get(self.path(table.device, table.space))
            before = own or self._shipped.get((table.device, table.space))
            if before is not None and before.sha256 == table.sha256:
                return Published(False, before)
            try:
                if own is not None:
                    self._versions.add(own)
                is_new = self._versions.add(table)
                self._write_current(table, forget=is_new)
            except TableFileError as error:
                raise _storage_error(error) from error
        return Published(is_new, before)

    def _write_current(self, table: LatencyTable, *, forget: bool) -> None:
        try:
            write_table(table, self.path(table.device, table.space))
        except TableFileError:
            if forget:
                self._versions.remove(table)
            raise

    def _look_and_tell(self) -> None:
        known = set(self._damaged.values())
        self._look()
        for fault in self._damaged.values():
            if fault not in known:
                _LOG.warning("%s", fault)

    def _look(self) -> None:
        seen = {}
        for path in sorted(self._folder.glob("*/[!.]*.json")):
            try:
                stat = path.stat()
            except OSError:
                continue
            # Two files that replace each other within one tick of the file system's clock differ in their inode.
            seen[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        for path in [path for path in self._stamps if seen.get(path) != self._stamps[path]]:
            self._read.pop(path, None)
            self._damaged.pop(path, None)
        for path in [path for path in seen if seen[path] != self._stamps.get(path)]:
            self._take(path)
        self._stamps = seen

    def _take(self, path: Path) -> None:
        try:
            table = read_table(path)
            if (table.device, table.space) != (path.parent.name, path.stem):
                reason = f"is of {table.device} for {table.space}; it must lie at {table.device}/{table.space}.json"
                raise TableFileError(str(path), reason)
            self._check_complete(str(path), table)
        except LatencyTableError as error:
            fault = error if isinstance(error, TableFileError) else TableFileError(str(path), str(error))
            self._damaged[path] = fault
            return
        self._read[path] = table

    def _check_complete(self, place: str, table: LatencyTable) -> None:
        missing = table.missing(self._operators.get(table.space, ()))
        if missing:
            reason = f"lacks {len(missing)} operators of {table.space}, the first is {missing[0]}. Measure it again."
            raise TableFileError(place, reason)


def _storage_error(error: TableFileError) -> StorageError:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in _DISK_FULL:
        return StorageFullError()
    return TableStorageError((isinstance(cause, OSError) and cause.strerror) or error.reason)
