"""ShortQueue: heavy work one at a time, for which only a few requests wait, and not for long.

Every request that waits holds a thread of the pool that answers all the others, too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.table_errors import MeasurementsBusyError


class ShortQueue:
    """One at work, the others of `places` waiting for up to `longest_wait_s`; whoever comes then is sent away."""

    def __init__(self, places: int, longest_wait_s: float) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._work = threading.Lock()
        self._longest_wait_s = longest_wait_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and have it for as long as the block takes.

        Raises:
            MeasurementsBusyError: too many wait already, or the wait was too long.
        """
        if not self._places.acquire(blocking=False):
            raise MeasurementsBusyError
        try:
            if not self._work.acquire(timeout=self._longest_wait_s):
                raise MeasurementsBusyError
            try:
                yield
            finally:
                self._work.release()
        finally:
            self._places.release()
