"""SpaceShelf: the user's spaces with their supernets, which may come and go while the server runs.

`lutnas spaces add` puts them there (`spaces.py`). A look costs a few `stat` for each; a damaged one is told and left
out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from search import SearchError
from service.space_folder import Stamp, locked, space_folders

if TYPE_CHECKING:
    from service.catalogue import SpaceEntry

_LOG = logging.getLogger("lutnas.spaces")


class SpaceShelf:
    """Spaces by name. `make` reads a folder and raises a `SearchError` for a damaged one."""

    def __init__(self, spaces_dir: Path, make: Callable[[Path], SpaceEntry]) -> None:
        self._spaces_dir = spaces_dir
        self._make = make
        self._lock = threading.Lock()
        self._stamps: dict[str, Stamp] = {}
        self._damaged: dict[str, str] = {}
        self._entries: Mapping[str, SpaceEntry] = {}

    def entries(self) -> Mapping[str, SpaceEntry]:
        """The spaces that can be used now: the same object as before where nothing has changed."""
        with self._lock:
            self._look()
            return self._entries

    def damaged(self) -> Mapping[str, str]:
        """Why spaces cannot be used, by name."""
        with self._lock:
            self._look()
            return dict(self._damaged)

    def _look(self) -> None:
        try:
            if space_folders(self._spaces_dir) == self._stamps:
                return
            with locked(self._spaces_dir):
                self._read(space_folders(self._spaces_dir))
        except OSError as error:
            _LOG.warning("spaces in %s cannot be looked up: %s", self._spaces_dir, error)

    def _read(self, seen: dict[str, Stamp]) -> None:
        kept = {name: entry for name, entry in self._entries.items() if seen.get(name) == self._stamps.get(name)}
        damaged = {name: why for name, why in self._damaged.items() if seen.get(name) == self._stamps.get(name)}
        for name in seen.keys() - kept.keys() - damaged.keys():
            try:
                kept[name] = self._make(self._spaces_dir / name)
            except (SearchError, OSError) as error:
                damaged[name] = str(error)
                _LOG.warning("space %s is left out: %s", name, error)
        self._stamps, self._entries, self._damaged = seen, kept, damaged
