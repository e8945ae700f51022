"""TableShelf: shipped latency tables and the user's own, which may come and go while the server runs.

`lutnas measure` writes the user's tables to `<data_dir>/tables/<device>/<space>.json`. A look costs a `stat` per file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from latency_tables import LatencyTable, LatencyTableError, OperatorKey, TableFileError, read_table

_LOG = logging.getLogger("lutnas.tables")
TableName = tuple[str, str]
"""Device, space."""
Operators = Mapping[str, tuple[OperatorKey, ...]]
"""For each space the operators that a table must hold."""


class TableShelf:
    """Tables by (device, space); a table of the user stands in front of a shipped one of the same name."""

    def __init__(
        self,
        shipped: Mapping[TableName, LatencyTable],
        folder: Path,
        operators: Operators,
        *,
        refuse_damaged: bool = True,
    ) -> None:
        """Read all tables; without `refuse_damaged` the user's damaged ones are left out, as later ones always are.

        Raises:
            TableFileError: a file of the user is damaged, or does not serve its space.
        """
        self._folder = folder
        self._operators = operators
        self._lock = threading.Lock()
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._read: dict[Path, LatencyTable] = {}
        self._damaged: dict[Path, TableFileError] = {}
        self._shipped = {name: table for name, table in shipped.items() if table.space in operators}
        for (device, space), table in self._shipped.items():
            self._check_complete(f"shipped, of {device} for {space}", table)
        self._look()
        if refuse_damaged:
            for fault in self._damaged.values():
                raise fault

    def tables(self) -> dict[TableName, LatencyTable]:
        """All tables that can be used now."""
        with self._lock:
            self._look_and_tell()
            usable = [table for table in self._read.values() if table.space in self._operators]
            own = {(table.device, table.space): table for table in usable}
            return self._shipped | own

    def damaged(self) -> tuple[TableFileError, ...]:
        """Why files of the user cannot be used."""
        with self._lock:
            self._look_and_tell()
            return tuple(self._damaged.values())

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
            seen[path] = (stat.st_mtime_ns, stat.st_size)
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
