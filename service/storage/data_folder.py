"""The data folder: made at start and held by one server at a time (called by `bootstrap.py`).

One server per folder is what lets a restart know that searches marked as running have nobody left to run them.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from service.errors import DataFolderError


class DataFolder:
    """A data folder held by this process until `release`, or until the process ends in whatever way."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Let another server use the folder."""
        self._lock.close()


def make_writable(path: Path) -> None:
    """Make a folder inside the data folder and see that files can be written there.

    Raises:
        DataFolderError: it cannot be made, or files cannot be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
    except OSError as error:
        raise _unwritable(path, error) from error


def hold_data_folder(path: Path) -> DataFolder:
    """Make the folder with its parts and lock it.

    Raises:
        DataFolderError: it cannot be made or written, or another server holds it.
    """
    try:
        for part in ("searches", "tables"):
            (path / part).mkdir(parents=True, exist_ok=True)
        lock = (path / "server.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read(20).strip() or "unknown"
        lock.close()
        reason = f"another lutnas server (process {holder}) uses it until it is stopped"
        raise DataFolderError(str(path), reason) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return DataFolder(path, lock)


def _unwritable(path: Path, error: OSError) -> DataFolderError:
    return DataFolderError(str(path), f"cannot be written ({error.strerror})")
