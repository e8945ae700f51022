"""Every change of state: who may make it, what it leaves in the row and in the history."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from service.errors import InvalidStateError, NotFoundError
from service.job import JobError, Progress, SearchJob, State
from service.jobs.lifecycle import Lifecycle, new_search_id
from service.storage.artefacts import StoredFile
from service.storage.database import Database, open_database
from service.storage.job_repository import JobRepository

EFFECTIVE = {"space": "tiny", "generations": 10, "seed": 7}
FILE = StoredFile("front.json", 3, "0" * 64)


def create(lifecycle: Lifecycle) -> SearchJob:
    return lifecycle.create({"space": "tiny"}, EFFECTIVE)


def claimed(lifecycle: Lifecycle) -> SearchJob:
    create(lifecycle)
    job = lifecycle.claim()
    assert job is not None
    return job


def stored(database: Database, search_id: str) -> SearchJob:
    with database.read() as connection:
        job = JobRepository(connection).get(search_id)
    assert job is not None
    return job


def history(database: Database, search_id: str) -> list[str]:
    with database.read() as connection:
        events = JobRepository(connection).events(search_id, 0, 100)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.kind for event in events]


def test_a_new_search_is_queued_and_reads_back_as_it_was(lifecycle: Lifecycle, database: Database) -> None:
    job = create(lifecycle)
    assert (job.state, job.seed, job.attempt, job.progress.generations_total) == (State.QUEUED, 7, 1, 10)
    assert stored(database, job.id) == job
    assert history(database, job.id) == ["queued"]


def test_ids_are_unguessable_and_plain() -> None:
    ids = {new_search_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(i) == 31 and i.startswith("srch_") and i == i.lower() and i[5:].isalnum() for i in ids)


def test_searches_are_claimed_in_the_order_they_came(lifecycle: Lifecycle) -> None:
    first, second = create(lifecycle), create(lifecycle)
    claims = [lifecycle.claim(), lifecycle.claim(), lifecycle.claim()]
    assert [job.id if job else None for job in claims] == [first.id, second.id, None]


def test_a_claimed_search_runs_and_has_an_owner(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    assert (job.state, job.owner, job.progress.phase) == (State.RUNNING, "server-1", "loading")
    assert job.started_at is not None
    assert history(database, job.id) == ["queued", "running"]


def test_twenty_claimers_never_get_the_same_search(lifecycle: Lifecycle, tmp_path: Path) -> None:
    patient = open_database(f"sqlite:///{tmp_path / 'test.sqlite3'}", busy_timeout_s=60)
    expected = {create(lifecycle).id for _ in range(10)}
    found: list[str] = []

    def claim() -> None:
        job = Lifecycle(patient, lifecycle._clock, "other").claim()
        if job is not None:
            found.append(job.id)

    threads = [threading.Thread(target=claim) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    patient.close()
    assert sorted(found) == sorted(expected)


def test_progress_is_stored_with_an_event(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    progress = Progress("remeasuring", 3, 10, 24, 0.5, 4, 0.25, 12.5)
    assert lifecycle.progress(job.id, job.attempt, progress) is not None
    assert stored(database, job.id).progress == progress
    assert history(database, job.id)[-1] == "progress"


def test_a_search_succeeds_with_its_files(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    lifecycle.progress(job.id, job.attempt, Progress("remeasuring", 3, 10, phase_fraction=0.25, seconds_left=12.5))
    lifecycle.succeed(job.id, job.attempt, [FILE], 5)
    ended = stored(database, job.id)
    assert (ended.state, ended.owner, ended.progress.fraction, ended.progress.front_size) == ("succeeded", None, 1.0, 5)
    assert ended.progress.seconds_left is None
    assert ended.finished_at is not None
    with database.read() as connection:
        assert JobRepository(connection).file(job.id, "front.json") == FILE
        assert JobRepository(connection).file(job.id, "other") is None


def test_a_search_fails_with_its_reason(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    error = JobError("no_feasible_candidate", "none keeps all limits", "/limits")
    lifecycle.fail(job.id, job.attempt, error)
    ended = stored(database, job.id)
    assert (ended.state, ended.error, ended.state_reason) == (State.FAILED, error, error.message)


def test_a_queued_search_is_cancelled_at_once(lifecycle: Lifecycle) -> None:
    job = lifecycle.cancel(create(lifecycle).id)
    assert job.state is State.CANCELLED
    assert lifecycle.claim() is None


def test_a_running_search_is_cancelled_in_two_steps(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    assert lifecycle.cancel(job.id).state is State.CANCELLING
    assert lifecycle.cancelling() == {job.id}
    assert lifecycle.cancel(job.id).state is State.CANCELLING
    ended = lifecycle.stopped(job.id, job.attempt)
    assert ended is not None
    assert ended.state is State.CANCELLED
    assert lifecycle.cancelling() == set()
    assert history(database, job.id) == ["queued", "running", "cancelling", "cancelled"]


def test_cancelling_an_ended_search_changes_nothing(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    lifecycle.succeed(job.id, job.attempt, [], 0)
    before = stored(database, job.id)
    assert lifecycle.cancel(job.id) == before


def test_a_search_may_succeed_while_it_is_being_cancelled(lifecycle: Lifecycle) -> None:
    job = claimed(lifecycle)
    lifecycle.cancel(job.id)
    ended = lifecycle.succeed(job.id, job.attempt, [FILE], 1)
    assert ended is not None
    assert ended.state is State.SUCCEEDED


def test_a_search_that_fails_while_being_cancelled_is_cancelled(lifecycle: Lifecycle) -> None:
    job = claimed(lifecycle)
    lifecycle.cancel(job.id)
    ended = lifecycle.fail(job.id, job.attempt, JobError("x", "y"))
    assert ended is not None
    assert (ended.state, ended.error) == (State.CANCELLED, None)


def test_only_a_cancelled_search_is_stopped(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    assert lifecycle.stopped(job.id, job.attempt) is None
    assert stored(database, job.id).state is State.RUNNING


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_worker_of_another_attempt_changes_nothing(lifecycle: Lifecycle, database: Database, attempt: int) -> None:
    job = claimed(lifecycle)
    assert lifecycle.progress(job.id, attempt, Progress("evolving", 9, 10)) is None
    assert lifecycle.succeed(job.id, attempt, [FILE], 1) is None
    assert lifecycle.fail(job.id, attempt, JobError("x", "y")) is None
    assert lifecycle.release(job.id, attempt) is None
    assert stored(database, job.id) == job


def test_a_worker_of_another_server_changes_nothing(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    stranger = Lifecycle(database, lifecycle._clock, "server-2")
    assert stranger.succeed(job.id, job.attempt, [FILE], 1) is None
    assert stored(database, job.id) == job


def test_a_released_search_starts_again_without_losing_an_attempt(lifecycle: Lifecycle) -> None:
    job = claimed(lifecycle)
    lifecycle.progress(job.id, 1, Progress("evolving", 3, 10, 24))
    released = lifecycle.release(job.id, 1)
    assert released is not None
    assert (released.state, released.attempt, released.owner) == (State.QUEUED, 1, None)
    assert released.progress == Progress(generations_total=10)
    again = lifecycle.claim()
    assert again is not None
    assert (again.id, again.seed) == (job.id, job.seed)


def test_recovery_counts_attempts_and_gives_up_after_the_last(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    assert [recovered.attempt for recovered in lifecycle.recover_all(2)] == [2]
    assert lifecycle.claim() is not None
    (given_up,) = lifecycle.recover_all(2)
    assert given_up.state is State.FAILED
    assert given_up.error is not None
    assert given_up.error.code == "too_many_attempts"
    assert lifecycle.recover_all(2) == []
    assert stored(database, job.id).state is State.FAILED


def test_recovery_ends_a_search_that_was_being_cancelled(lifecycle: Lifecycle) -> None:
    job = claimed(lifecycle)
    lifecycle.cancel(job.id)
    (recovered,) = lifecycle.recover_all(3)
    assert recovered.state is State.CANCELLED


def test_an_ended_search_is_deleted_with_all_its_rows(lifecycle: Lifecycle, database: Database) -> None:
    job = claimed(lifecycle)
    lifecycle.succeed(job.id, job.attempt, [FILE], 1)
    lifecycle.delete(job.id)
    with database.read() as connection:
        repository = JobRepository(connection)
        assert repository.get(job.id) is None
        assert repository.events(job.id, 0, 10) == []
        assert repository.file(job.id, "front.json") is None


def test_a_search_that_has_not_ended_is_not_deleted(lifecycle: Lifecycle, database: Database) -> None:
    job = create(lifecycle)
    with pytest.raises(InvalidStateError, match="the search is queued") as caught:
        lifecycle.delete(job.id)
    assert set(caught.value.allowed_from) == {"succeeded", "failed", "cancelled"}
    assert stored(database, job.id) == job


def test_unknown_searches_are_not_found(lifecycle: Lifecycle) -> None:
    for action in (lifecycle.cancel, lifecycle.delete):
        with pytest.raises(NotFoundError, match="No such search"):
            action("srch_nothing")


def test_a_move_that_no_state_allows_is_refused(lifecycle: Lifecycle, database: Database) -> None:
    job = create(lifecycle)
    with database.write() as connection, pytest.raises(InvalidStateError):
        lifecycle._move(JobRepository(connection), job, State.SUCCEEDED)
    assert stored(database, job.id) == job


def test_what_ended_a_search_early_is_told(lifecycle: Lifecycle) -> None:
    job = claimed(lifecycle)
    lifecycle.progress(job.id, job.attempt, Progress("evolving", 3, 10, 24, 0.5, 4, 0.9))
    ended = lifecycle.succeed(job.id, job.attempt, [FILE], 4, "ended after generation 3: stop.candidates")
    assert ended is not None
    assert ended.state_reason == "ended after generation 3: stop.candidates"
    assert (ended.progress.generation, ended.progress.generations_total, ended.progress.fraction) == (3, 10, 1.0)
