"""Lifecycle: the only code that changes the state of a search, each change in one transaction with its event.

Called by the API (create, cancel, delete) and by the worker (claim, progress, ends, recovery). Methods that a running
search's worker calls are fenced by `attempt`: a stale worker changes nothing and is told so by None.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from service.errors import InvalidStateError, NotFoundError
from service.job import TERMINAL, TRANSITIONS, JobError, Progress, SearchJob, State
from service.storage.artefacts import StoredFile
from service.storage.database import Database
from service.storage.job_repository import JobRepository

Clock = Callable[[], datetime]
_ACTIVE = (State.RUNNING, State.CANCELLING)
_UNKNOWN_SEARCH = "GET /v1/searches lists the searches there are."


class Lifecycle:
    """State changes of searches, made in the name of one server."""

    def __init__(self, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self.owner = owner

    def create(self, request: Mapping[str, Any], effective: Mapping[str, Any]) -> SearchJob:
        """Queue a new search; `effective` has every default filled in."""
        now = self._clock()
        progress = Progress(generations_total=int(effective["generations"]))
        job = SearchJob(
            id=new_search_id(),
            state=State.QUEUED,
            state_reason=None,
            request=request,
            effective=effective,
            seed=int(effective["seed"]),
            attempt=1,
            owner=None,
            progress=progress,
            error=None,
            created_at=now,
            queued_at=now,
            started_at=None,
            cancelling_at=None,
            finished_at=None,
            updated_at=now,
        )
        with self._database.write() as connection:
            repository = JobRepository(connection)
            repository.insert(job)
            repository.append_event(job.id, now, State.QUEUED, {})
        return job

    def claim(self) -> SearchJob | None:
        """Take the oldest queued search for this server and mark it running; None when the queue is empty."""
        with self._database.read() as connection:
            if JobRepository(connection).oldest(State.QUEUED) is None:
                return None
        with self._database.write() as connection:
            repository = JobRepository(connection)
            search_id = repository.oldest(State.QUEUED, lock=True)
            job = repository.get(search_id, lock=True) if search_id is not None else None
            if job is None or job.state is not State.QUEUED:
                return None
            progress = Progress("loading", generations_total=job.progress.generations_total)
            return self._move(repository, replace(job, owner=self.owner, progress=progress), State.RUNNING)

    def progress(self, search_id: str, attempt: int, progress: Progress) -> SearchJob | None:
        """Record how far a running search is."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = self._held(repository, search_id, attempt)
            if job is None:
                return None
            job = replace(job, progress=progress, updated_at=self._clock())
            repository.replace(job)
            repository.append_event(search_id, job.updated_at, "progress", asdict(progress))
            return job

    def succeed(
        self, search_id: str, attempt: int, files: Sequence[StoredFile], front_size: int, reason: str | None = None
    ) -> SearchJob | None:
        """End a search whose result files are on the disk; `reason` says what ended it before its last generation."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = self._held(repository, search_id, attempt)
            if job is None:
                return None
            ended = replace(job.progress, phase_fraction=None, seconds_left=None)
            last = ended.generations_total if reason is None else ended.generation
            progress = replace(ended, phase="done", generation=last, front_size=front_size)
            repository.set_files(search_id, files)
            return self._move(repository, replace(job, progress=progress), State.SUCCEEDED, reason)

    def fail(self, search_id: str, attempt: int, error: JobError) -> SearchJob | None:
        """End a search that cannot go on; one that was being cancelled ends as cancelled."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = self._held(repository, search_id, attempt)
            return None if job is None else self._fail(repository, job, error)

    def stopped(self, search_id: str, attempt: int) -> SearchJob | None:
        """End a search whose process has stopped because it was cancelled."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = self._held(repository, search_id, attempt)
            if job is None or job.state is not State.CANCELLING:
                return None
            return self._move(repository, job, State.CANCELLED, "cancelled on request")

    def release(self, search_id: str, attempt: int) -> SearchJob | None:
        """Put a running search back into the queue because this server stops; costs no attempt."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = self._held(repository, search_id, attempt)
            return None if job is None else self._requeue(repository, job, attempt, "the server was stopped")

    def recover(self, search_id: str, max_attempts: int, reason: str) -> SearchJob | None:
        """Queue a search again whose process died without a word, or fail it after `max_attempts` starts."""
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = repository.get(search_id, lock=True)
            if job is None or job.state not in _ACTIVE:
                return None
            if job.state is State.RUNNING and job.attempt >= max_attempts:
                message = f"{reason} at each of {job.attempt} starts. See the server's log; post the search again."
                return self._fail(repository, job, JobError("too_many_attempts", message))
            return self._requeue(repository, job, job.attempt + 1, reason)

    def recover_all(self, max_attempts: int) -> list[SearchJob]:
        """`recover` every search that a server, now gone, left running (called once, before the first claim)."""
        with self._database.read() as connection:
            orphans = JobRepository(connection).in_states(_ACTIVE)
        recovered = (self.recover(orphan.id, max_attempts, "the server died") for orphan in orphans)
        return [job for job in recovered if job is not None]

    def cancel(self, search_id: str) -> SearchJob:
        """Cancel a search: at once when queued, soon when running; an ended search stays as it is.

        Raises:
            NotFoundError: no such search.
        """
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = _existing(repository, search_id)
            if job.state is State.QUEUED:
                return self._move(repository, job, State.CANCELLED, "cancelled on request")
            if job.state is State.RUNNING:
                return self._move(repository, job, State.CANCELLING, "cancelled on request")
            return job

    def cancelling(self) -> set[str]:
        """Searches of this server that are to stop."""
        with self._database.read() as connection:
            return {job.id for job in JobRepository(connection).in_states([State.CANCELLING], self.owner)}

    def delete(self, search_id: str) -> None:
        """Remove an ended search from the database; its files are the caller's.

        Raises:
            NotFoundError: no such search.
            InvalidStateError: it has not ended.
        """
        with self._database.write() as connection:
            repository = JobRepository(connection)
            job = _existing(repository, search_id)
            if job.state not in TERMINAL:
                hint = f"POST /v1/searches/{job.id}/cancel first."
                raise InvalidStateError("delete", job.state, sorted(TERMINAL), hint)
            repository.delete(search_id)

    def _held(self, repository: JobRepository, search_id: str, attempt: int) -> SearchJob | None:
        job = repository.get(search_id, lock=True)
        held = job is not None and job.state in _ACTIVE and (job.owner, job.attempt) == (self.owner, attempt)
        return job if held else None

    def _fail(self, repository: JobRepository, job: SearchJob, error: JobError) -> SearchJob:
        if job.state is State.CANCELLING:
            return self._move(repository, job, State.CANCELLED, "cancelled on request")
        return self._move(repository, replace(job, error=error), State.FAILED, error.message)

    def _requeue(self, repository: JobRepository, job: SearchJob, attempt: int, reason: str) -> SearchJob:
        if job.state is State.CANCELLING:
            return self._move(repository, job, State.CANCELLED, "cancelled on request")
        progress = Progress(generations_total=job.progress.generations_total)
        fresh = replace(job, attempt=attempt, owner=None, progress=progress, started_at=None)
        return self._move(repository, fresh, State.QUEUED, f"starts again: {reason}")

    def _move(self, repository: JobRepository, job: SearchJob, state: State, reason: str | None = None) -> SearchJob:
        if state not in TRANSITIONS[job.state]:
            raise InvalidStateError(f"make it {state}", job.state, [], "This is a fault of lutnas; please report it.")
        now = self._clock()
        moved = replace(
            job,
            state=state,
            state_reason=reason,
            owner=None if state in TERMINAL else job.owner,
            queued_at=now if state is State.QUEUED else job.queued_at,
            started_at=now if state is State.RUNNING else job.started_at,
            cancelling_at=now if state is State.CANCELLING else job.cancelling_at,
            finished_at=now if state in TERMINAL else None,
            updated_at=now,
        )
        repository.replace(moved)
        detail = {"attempt": moved.attempt} | ({"reason": reason} if reason else {})
        repository.append_event(job.id, now, state, detail)
        return moved


def new_search_id() -> str:
    """`srch_` and 26 lower-case letters and digits: 128 random bits, so that an id cannot be guessed."""
    return "srch_" + base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()


def search_not_found() -> NotFoundError:
    """The error for an id that names no search."""
    return NotFoundError("search", _UNKNOWN_SEARCH)


def _existing(repository: JobRepository, search_id: str) -> SearchJob:
    job = repository.get(search_id, lock=True)
    if job is None:
        raise search_not_found()
    return job
