"""Rows of searches, events and files, within a transaction of the caller (`jobs/lifecycle.py` and the API's reads)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, tuple_, update

from service.job import JobError, Progress, SearchEvent, SearchJob, State, read_time, time_text
from service.storage.artefacts import StoredFile
from service.storage.tables import search_events, search_files, searches


class JobRepository:
    """Searches on one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, job: SearchJob) -> None:
        """Add a new search."""
        self._connection.execute(insert(searches).values(_columns(job)))

    def get(self, search_id: str, *, lock: bool = False) -> SearchJob | None:
        """One search, None when there is none; `lock` keeps other writers off (SQLite has locked all at BEGIN)."""
        query = select(searches).where(searches.c.id == search_id)
        row = self._connection.execute(query.with_for_update() if lock else query).mappings().first()
        return None if row is None else _job(row)

    def page(self, size: int, state: State | None, before: tuple[str, str] | None) -> list[SearchJob]:
        """Up to `size` searches, newest first, older than the `(created_at text, id)` of `before`."""
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(size)
        if state is not None:
            query = query.where(searches.c.state == state.value)
        if before is not None:
            query = query.where(tuple_(searches.c.created_at, searches.c.id) < tuple_(*before))
        return [_job(row) for row in self._connection.execute(query).mappings()]

    def oldest(self, state: State, *, lock: bool = False) -> str | None:
        """Id of the oldest search in `state`, None when there is none; `lock` skips rows that others hold."""
        query = select(searches.c.id).where(searches.c.state == state.value)
        query = query.order_by(searches.c.created_at, searches.c.id).limit(1)
        return self._connection.execute(query.with_for_update(skip_locked=True) if lock else query).scalar()

    def in_states(self, states: Sequence[State], owner: str | None = None) -> list[SearchJob]:
        """Searches in one of the states, oldest first; of one owner where given."""
        query = select(searches).where(searches.c.state.in_([state.value for state in states]))
        if owner is not None:
            query = query.where(searches.c.owner == owner)
        rows = self._connection.execute(query.order_by(searches.c.created_at, searches.c.id)).mappings()
        return [_job(row) for row in rows]

    def count_by_state(self) -> dict[State, int]:
        """Searches in each state."""
        query = select(searches.c.state, func.count()).group_by(searches.c.state)
        found = {State(state): int(count) for state, count in self._connection.execute(query)}
        return {state: found.get(state, 0) for state in State}

    def replace(self, job: SearchJob) -> None:
        """Write `job` over its row, which the caller has read with `lock` in this transaction."""
        self._connection.execute(update(searches).where(searches.c.id == job.id).values(_columns(job)))

    def delete(self, search_id: str) -> None:
        """Remove a search with its events and file rows."""
        self._connection.execute(delete(search_events).where(search_events.c.search_id == search_id))
        self._connection.execute(delete(search_files).where(search_files.c.search_id == search_id))
        self._connection.execute(delete(searches).where(searches.c.id == search_id))

    def append_event(self, search_id: str, at: datetime, kind: str, detail: Mapping[str, Any]) -> None:
        """Add the next event of a search."""
        highest = select(func.coalesce(func.max(search_events.c.seq), 0)).where(search_events.c.search_id == search_id)
        seq = int(self._connection.execute(highest).scalar_one()) + 1
        row = {"search_id": search_id, "seq": seq, "at": time_text(at), "kind": kind, "detail": dict(detail)}
        self._connection.execute(insert(search_events).values(row))

    def events(self, search_id: str, after: int, size: int) -> list[SearchEvent]:
        """Up to `size` events with a higher `seq` than `after`, in order."""
        table = search_events
        query = select(table).where(table.c.search_id == search_id, table.c.seq > after).order_by(table.c.seq)
        rows = self._connection.execute(query.limit(size)).mappings()
        return [SearchEvent(row["seq"], read_time(row["at"]), row["kind"], row["detail"]) for row in rows]

    def set_files(self, search_id: str, files: Sequence[StoredFile]) -> None:
        """Name the result files of a search, in place of any before."""
        self._connection.execute(delete(search_files).where(search_files.c.search_id == search_id))
        for file in files:
            row = {"search_id": search_id, "name": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256}
            self._connection.execute(insert(search_files).values(row))

    def file(self, search_id: str, name: str) -> StoredFile | None:
        """One result file, None when the search has none of that name."""
        query = select(search_files).where(search_files.c.search_id == search_id, search_files.c.name == name)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else StoredFile(row["name"], row["size_bytes"], row["sha256"])


def _columns(job: SearchJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state.value,
        "state_reason": job.state_reason,
        "request": dict(job.request),
        "effective": dict(job.effective),
        "seed": job.seed,
        "attempt": job.attempt,
        "owner": job.owner,
        "phase": job.progress.phase,
        "generation": job.progress.generation,
        "generations_total": job.progress.generations_total,
        "evaluations": job.progress.evaluations,
        "hypervolume": job.progress.hypervolume,
        "front_size": job.progress.front_size,
        "phase_fraction": job.progress.phase_fraction,
        "seconds_left": job.progress.seconds_left,
        "error_code": job.error.code if job.error else None,
        "error_message": job.error.message if job.error else None,
        "error_param": job.error.param if job.error else None,
        "created_at": time_text(job.created_at),
        "queued_at": time_text(job.queued_at),
        "started_at": _optional_text(job.started_at),
        "cancelling_at": _optional_text(job.cancelling_at),
        "finished_at": _optional_text(job.finished_at),
        "updated_at": time_text(job.updated_at),
    }


def _job(row: RowMapping) -> SearchJob:
    progress = Progress(
        row["phase"],
        row["generation"],
        row["generations_total"],
        row["evaluations"],
        row["hypervolume"],
        row["front_size"],
        row["phase_fraction"],
        row["seconds_left"],
    )
    failed = row["error_code"] is not None
    error = JobError(row["error_code"], row["error_message"], row["error_param"]) if failed else None
    return SearchJob(
        id=row["id"],
        state=State(row["state"]),
        state_reason=row["state_reason"],
        request=row["request"],
        effective=row["effective"],
        seed=row["seed"],
        attempt=row["attempt"],
        owner=row["owner"],
        progress=progress,
        error=error,
        created_at=read_time(row["created_at"]),
        queued_at=read_time(row["queued_at"]),
        started_at=_optional_time(row["started_at"]),
        cancelling_at=_optional_time(row["cancelling_at"]),
        finished_at=_optional_time(row["finished_at"]),
        updated_at=read_time(row["updated_at"]),
    )


def _optional_text(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
