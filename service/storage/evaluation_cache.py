"""EvaluationCache: evaluations shared by all searches of a server, whichever process makes them.

Used in a search's own process (`jobs/verification.py`), which reaches the database by itself. A cache that cannot be
read or written costs time, never a search.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from search import Evaluation
from service.errors import StorageError
from service.storage.database import Database, connect_database
from service.storage.evaluation_repository import EvaluationKey, EvaluationRepository, Genome

_LOG = logging.getLogger("lutnas.evaluations")
_FAULTS = (StorageError, SQLAlchemyError)
_TAKEN = {errno.EACCES, errno.EAGAIN}
_BUSY_TIMEOUT_S = 5.0
_PLACES = 2**31
"""Bytes of the lock file, of which none is ever written: each genome under each key locks one."""


@dataclass(frozen=True)
class CachePlace:
    """Where a server keeps evaluations: its database, and the file that claims are made on."""

    database_url: str
    lock: str


class EvaluationCache:
    """Evaluations under one key, on so many images."""

    def __init__(self, database: Database, key: EvaluationKey, images: int, lock: IO[bytes]) -> None:
        self._database = database
        self._key = key
        self._images = images
        self._lock = lock

    def find(self, genomes: Sequence[Genome]) -> dict[Genome, Evaluation]:
        """Those that were evaluated before."""
        try:
            with self._database.read() as connection:
                return EvaluationRepository(connection).find(self._key, genomes)
        except _FAULTS as error:
            _LOG.warning("evaluations cannot be read, so that they are made again: %s", error)
            return {}

    def keep(self, genome: Genome, evaluation: Evaluation) -> None:
        """Store an evaluation for all searches to come."""
        try:
            with self._database.write() as connection:
                EvaluationRepository(connection).add(self._key, genome, evaluation, self._images, datetime.now(UTC))
        except _FAULTS as error:
            _LOG.warning("an evaluation cannot be stored: %s", error)

    @contextmanager
    def claim(self, genome: Genome) -> Iterator[bool]:
        """Whether this process may evaluate a genome now; while it does, no other process of this server may.

        A process that dies gives its claim back.
        """
        place = self._place(genome)
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            # On a file system without locks two searches may do the same twice; nothing else is lost.
            yield error.errno not in _TAKEN
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN, 1, place)

    def _place(self, genome: Genome) -> int:
        text = repr((astuple(self._key), genome))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _PLACES


@contextmanager
def open_cache(place: CachePlace, key: EvaluationKey, images: int) -> Iterator[EvaluationCache]:
    """The cache of a server from a process of its own, for evaluations on so many images.

    Raises:
        OSError: the lock file cannot be made.
    """
    database = connect_database(place.database_url, _BUSY_TIMEOUT_S)
    # Closing it, anywhere in the process, gives the process's claims back.
    with Path(place.lock).open("ab") as lock:
        try:
            yield EvaluationCache(database, key, images, lock)
        finally:
            database.close()
