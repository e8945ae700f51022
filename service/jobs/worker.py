"""Worker: claims queued searches and runs each in a child process; a thread of the server (DESIGN.md, section 3).

One loop owns all children and is the only reader of their pipes. It lives through a database that is busy or away and
a full disk: what could not be written is tried again at the next turn.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from service.errors import RequestError, ServiceError
from service.job import JobError, Progress, SearchJob
from service.jobs.lifecycle import Lifecycle
from service.jobs.messages import CANCEL, Cancelled, Done, Message, ResultFile, receive
from service.jobs.order import SearchOrder
from service.jobs.runner import run_order
from service.settings import Settings
from service.storage.artefacts import ResultFiles, StoredFile

_LOG = logging.getLogger("lutnas.worker")
_TURN_S = 0.5
"""Longest time between two looks at the queue; a posted or cancelled search wakes the loop at once."""
_PAUSE_AFTER_FAULT_S = 1.0
_STOP_S = 2.0
"""Time for a child to end after SIGTERM, and for the loop to end."""

Target = Callable[[str, "Connection[Any, Any]"], None]


@dataclass
class RunningSearch:
    """A child process and what it has said so far."""

    job: SearchJob
    process: SpawnProcess
    connection: Connection[Any, Any]
    files: list[StoredFile] = field(default_factory=list)
    news: Progress | None = None
    end: Done | JobError | Cancelled | None = None
    kill_at: float | None = None
    """Time of `time.monotonic` at which a cancelled child is killed."""
    dead: bool = False


class Worker:
    """Runs searches until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        files: ResultFiles,
        make_order: Callable[[SearchJob], SearchOrder],
        target: Target = run_order,
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._files = files
        self._make_order = make_order
        self._target = target
        self._context = multiprocessing.get_context("spawn")
        self._running: list[RunningSearch] = []
        self._stopping = threading.Event()
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._loop, name="lutnas-worker", daemon=True)

    def start(self) -> None:
        """Take over what a dead server left, and start the loop."""
        for job in self._lifecycle.recover_all(self._settings.max_attempts):
            _LOG.warning("search %s was left by a dead server: %s", job.id, job.state)
        self._thread.start()

    def stop(self) -> None:
        """End all children and put their searches back into the queue; returns within seconds."""
        self._stopping.set()
        self.wake()
        self._thread.join(timeout=2 * _STOP_S)

    def wake(self) -> None:
        """Look at the queue and for cancelled searches now."""
        self._wake_writer.send_bytes(b"!")

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    @property
    def running(self) -> int:
        """Child processes now."""
        return len(self._running)

    def _loop(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._turn()
                except (ServiceError, OSError) as error:
                    _LOG.warning("will try again: %s", error)
                    self._stopping.wait(_PAUSE_AFTER_FAULT_S)
        finally:
            self._release_all()

    def _turn(self) -> None:
        self._fill()
        self._wait_and_read()
        for search in tuple(self._running):
            self._settle(search)
        self._look_for_cancelled()

    def _fill(self) -> None:
        while len(self._running) < self._settings.max_running:
            job = self._lifecycle.claim()
            if job is None:
                return
            try:
                self._running.append(self._start_child(job))
            except RequestError as error:
                self._lifecycle.fail(job.id, job.attempt, JobError(error.code, str(error)))
            except OSError as error:
                self._lifecycle.recover(job.id, self._settings.max_attempts, f"its process could not start ({error})")
                raise

    def _start_child(self, job: SearchJob) -> RunningSearch:
        order = self._make_order(job)
        ours, theirs = multiprocessing.Pipe()
        process = self._context.Process(
            target=self._target, args=(order.to_json(), theirs), name=f"lutnas-{job.id}", daemon=True
        )
        process.start()
        theirs.close()
        _LOG.info("search %s starts, attempt %d, process %s", job.id, job.attempt, process.pid)
        return RunningSearch(job, process, ours)

    def _wait_and_read(self) -> None:
        by_connection = {search.connection: search for search in self._running if not search.dead}
        for ready in wait([self._wake_reader, *by_connection], timeout=_TURN_S):
            if ready is self._wake_reader:
                while self._wake_reader.poll():
                    self._wake_reader.recv_bytes()
            else:
                search = by_connection[ready]  # type: ignore[index]
                try:
                    self._take(search, receive(search.connection))
                except (EOFError, ConnectionError):
                    search.dead = True

    def _take(self, search: RunningSearch, message: Message) -> None:
        if isinstance(message, Progress):
            search.news = message
        elif isinstance(message, ResultFile):
            try:
                search.files.append(self._files.write(search.job.id, message.name, message.content))
            except OSError as error:
                reason = (
                    f"The result could not be stored ({error.strerror}). Free some space and post the search again."
                )
                search.end = JobError("storage_full", reason)
        elif search.end is None:
            search.end = message

    def _settle(self, search: RunningSearch) -> None:
        """Write what a child has said, and end the search when the child is gone."""
        job = search.job
        if search.end is not None:
            self._finish(search, search.end)
        elif search.dead:
            self._bury(search)
        elif search.kill_at is not None and time.monotonic() >= search.kill_at:
            search.process.kill()
        elif search.news is not None:
            self._lifecycle.progress(job.id, job.attempt, search.news)
            search.news = None

    def _finish(self, search: RunningSearch, end: Done | JobError | Cancelled) -> None:
        job = search.job
        if isinstance(end, Done):
            if search.news is not None:
                self._lifecycle.progress(job.id, job.attempt, search.news)
            self._lifecycle.succeed(job.id, job.attempt, search.files, end.front_size, end.reason)
        elif isinstance(end, JobError):
            self._lifecycle.fail(job.id, job.attempt, end)
        else:
            self._lifecycle.stopped(job.id, job.attempt)
        _LOG.info("search %s ends: %s", job.id, type(end).__name__.lower())
        self._drop(search)

    def _bury(self, search: RunningSearch) -> None:
        search.process.join(_STOP_S)
        reason = f"the search's process ended without a word (exit code {search.process.exitcode})"
        job = self._lifecycle.recover(search.job.id, self._settings.max_attempts, reason)
        _LOG.warning("search %s: %s; now %s", search.job.id, reason, job.state if job else "gone")
        self._drop(search)

    def _drop(self, search: RunningSearch) -> None:
        self._running.remove(search)
        search.connection.close()
        search.process.join(_STOP_S)
        if search.process.is_alive():
            search.process.kill()
            search.process.join()
        search.process.close()

    def _look_for_cancelled(self) -> None:
        waiting = {search.job.id: search for search in self._running if search.kill_at is None}
        if not waiting:
            return
        for search_id in self._lifecycle.cancelling() & waiting.keys():
            search = waiting[search_id]
            search.kill_at = time.monotonic() + self._settings.cancel_grace_s
            try:
                search.connection.send_bytes(CANCEL)
            except OSError:
                search.dead = True

    def _release_all(self) -> None:
        for search in self._running:
            search.process.terminate()
        for search in tuple(self._running):
            try:
                self._lifecycle.release(search.job.id, search.job.attempt)
            except ServiceError as error:
                _LOG.warning("search %s will be recovered at the next start: %s", search.job.id, error)
            finally:
                self._drop(search)
