"""Result files of searches: written whole or not at all, checked when read.

The worker writes them before the row that names them is committed; the API reads them through the row's sha256. File
names come from the service's own list, never from a client.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from latency_tables import replace_file
from service.errors import ResultDamagedError


@dataclass(frozen=True)
class StoredFile:
    """A result file as the database knows it."""

    name: str
    size_bytes: int
    sha256: str


class ResultFiles:
    """Files under `<data_dir>/searches/<search id>/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, search_id: str, name: str, content: bytes) -> StoredFile:
        """Write one file so that a reader sees the old file or the whole new one, whenever the power fails.

        Raises:
            OSError: the disk is full or fails; the old file is untouched.
        """
        folder = self._folder / search_id
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / name, content)
        return StoredFile(name, len(content), hashlib.sha256(content).hexdigest())

    def read(self, search_id: str, stored: StoredFile) -> bytes:
        """Read one file back.

        Raises:
            ResultDamagedError: it is missing, or not what was written.
        """
        try:
            content = (self._folder / search_id / stored.name).read_bytes()
        except OSError as error:
            raise ResultDamagedError(stored.name, f"cannot be read ({error.strerror})") from error
        found = hashlib.sha256(content).hexdigest()
        if found != stored.sha256:
            raise ResultDamagedError(stored.name, f"has sha256 {found}, written was {stored.sha256}")
        return content

    def delete(self, search_id: str) -> None:
        """Delete all files of a search; none is fine."""
        shutil.rmtree(self._folder / search_id, ignore_errors=True)
