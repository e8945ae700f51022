"""Catalogue: the spaces, supernets, plans and tables on offer (made by `resources.py`, asked by the API and jobs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latency_tables import LatencyTable, OperatorKey
from search import Architecture, Predictor, SearchResources, Space
from service.errors import NoSupernetError, NotFoundError, UnknownNameError
from service.plans import Plans
from service.space_shelf import SpaceShelf
from service.table_errors import EmulatedTableError, TableVersionError
from service.table_shelf import TableShelf

Export = Callable[[Architecture, Mapping[str, str]], bytes]
"""Writes one architecture with its trained weights and these metadata as ONNX; the same bytes each time."""


@dataclass(frozen=True)
class Supernet:
    """What the service needs of a trained supernet.

    Attributes:
        card: data, recipe and errors measured, for people.
        sha256: fingerprint of the artefact; fronts name the one they were found with.
        hyperparameters: of the predictor; with them a search's own process has the same one in no time.
    """

    card: Mapping[str, Any]
    sha256: str
    predictor: Predictor
    hyperparameters: tuple[float, ...]
    export: Export


@dataclass(frozen=True)
class SpaceEntry:
    """A space of the catalogue; `supernet` is None where none was trained."""

    space: Space
    supernet: Supernet | None
    plans: Plans


class Catalogue:
    """Spaces by name, with the tables on the shelf; a space of the user stands in front of a shipped one."""

    def __init__(self, entries: Mapping[str, SpaceEntry], shelf: TableShelf, own: SpaceShelf | None = None) -> None:
        self._shipped = dict(entries)
        self._own = own
        self._seen: Mapping[str, SpaceEntry] = {} if own is None else own.entries()
        self._offered = self._shipped | dict(self._seen)
        self._shelf = shelf

    @property
    def shelf(self) -> TableShelf:
        """The tables, for the spaces that are here now."""
        self._look()
        return self._shelf

    @property
    def _entries(self) -> Mapping[str, SpaceEntry]:
        self._look()
        return self._offered

    def _look(self) -> None:
        own = self._seen if self._own is None else self._own.entries()
        if own is not self._seen:
            self._seen, self._offered = own, self._shipped | dict(own)
            self._shelf.serve({name: operator_keys(entry.space) for name, entry in self._offered.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spaces, sorted."""
        return tuple(sorted(self._entries))

    def entry(self, name: str) -> SpaceEntry:
        """The space at an address.

        Raises:
            NotFoundError: no such space.
        """
        if name not in self._entries:
            raise NotFoundError("space", f"Known spaces: {', '.join(self.names)}.")
        return self._entries[name]

    def requested(self, name: str) -> SpaceEntry:
        """The space that a request's field `space` names.

        Raises:
            UnknownNameError: no such space; lists the known ones.
        """
        if name not in self._entries:
            raise UnknownNameError("space", ["/space"], self.names)
        return self._entries[name]

    def resources(self, name: str, tables: Mapping[str, LatencyTable] | None = None) -> SearchResources:
        """What the engine needs to search or score in a space, with these tables or those that are here now.

        Raises:
            UnknownNameError: no such space.
            NoSupernetError: no supernet was trained for it.
        """
        entry = self.requested(name)
        predictor = self.supernet(entry).predictor
        return SearchResources(entry.space, predictor, self.tables_for(name) if tables is None else tables)

    def supernet(self, entry: SpaceEntry) -> Supernet:
        """The supernet of a space.

        Raises:
            NoSupernetError: none was trained for it.
        """
        if entry.supernet is None:
            ready = [name for name in self.names if self._entries[name].supernet is not None]
            raise NoSupernetError(entry.space.name, ready)
        return entry.supernet

    def tables_for(self, space: str, versions: Mapping[str, str] | None = None) -> dict[str, LatencyTable]:
        """Tables of a space by device: the present ones, or where `versions` names a sha256, this version.

        Raises:
            TableVersionError: a version named is not here.
        """
        present = {device: table for (device, name), table in self.shelf.tables().items() if name == space}
        named = {device: self.shelf.version(device, space, sha256) for device, sha256 in (versions or {}).items()}
        gone = [device for device, table in named.items() if table is None]
        if gone:
            raise TableVersionError(space, gone)
        return present | {device: table for device, table in named.items() if table is not None}

    def tables_of(self, device: str) -> dict[str, LatencyTable]:
        """Tables of a device by space, empty for an unknown device."""
        return {space: table for (name, space), table in self.shelf.tables().items() if name == device}


def operator_keys(space: Space) -> tuple[OperatorKey, ...]:
    """The operators that a table for a space must hold."""
    return tuple(block.operator_key for block in space.operators() if block.operator_key is not None)


def refuse_emulated(tables: Mapping[str, LatencyTable], devices: Sequence[str]) -> None:
    """Refuse tables of emulated processors.

    Raises:
        EmulatedTableError: pointing at each of `devices` whose table is one.
    """
    emulated = [place for place, device in enumerate(devices) if tables[device].provenance.emulated]
    if emulated:
        raise EmulatedTableError([f"/devices/{place}" for place in emulated])
