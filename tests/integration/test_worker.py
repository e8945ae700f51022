"""The worker with real child processes that stand in for searches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import StorageUnavailableError
from service.job import SearchJob
from service.jobs.lifecycle import Lifecycle
from service.jobs.order import SearchOrder
from service.jobs.worker import Target, Worker
from service.settings import Settings
from service.storage.artefacts import ResultFiles
from service.storage.database import Database, open_database
from service.storage.job_repository import JobRepository
from tests import service_targets
from tests.unit.service.conftest import Clock

EFFECTIVE = {"space": "tiny", "generations": 5, "seed": 7}


def order_for(job: SearchJob) -> SearchOrder:
    return SearchOrder(job.id, job.effective, "tables", None, (), 0)


class Bench:
    """A worker with its database."""

    def __init__(self, folder: Path, target: Target) -> None:
        settings = Settings(data_dir=folder, cancel_grace_s=0.5, max_attempts=2, max_running=2)
        self.database: Database = open_database(settings.url)
        self.lifecycle = Lifecycle(self.database, Clock(), "server-1")
        self.files = ResultFiles(folder / "searches")
        self.worker = Worker(settings, self.lifecycle, self.files, order_for, target)

    def create(self) -> str:
        search_id = self.lifecycle.create({}, EFFECTIVE).id
        self.worker.wake()
        return search_id

    def job(self, search_id: str) -> SearchJob:
        with self.database.read() as connection:
            job = JobRepository(connection).get(search_id)
        assert job is not None
        return job

    def wait(self, search_id: str, reached: Callable[[SearchJob], bool]) -> SearchJob:
        deadline = time.monotonic() + 60
        while not reached(job := self.job(search_id)):
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job


@contextmanager
def bench(folder: Path, target: Target) -> Iterator[Bench]:
    made = Bench(folder, target)
    made.worker.start()
    try:
        yield made
    finally:
        made.worker.stop()
        assert not made.worker.alive
        assert made.worker.running == 0
        made.database.close()


def test_a_search_succeeds_with_its_files_on_the_disk(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.succeed) as made:
        search_id = made.create()
        job = made.wait(search_id, lambda job: job.state in ("succeeded", "failed"))
        assert (job.state, job.progress.front_size) == ("succeeded", 3)
        with made.database.read() as connection:
            stored = JobRepository(connection).file(search_id, "front.json")
        assert stored is not None
        assert made.files.read(search_id, stored) == b'{"items": []}'


def test_a_failure_is_kept_with_code_and_place(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.fail) as made:
        job = made.wait(made.create(), lambda job: job.state == "failed")
        assert job.error is not None
        assert (job.error.code, job.error.param) == ("no_feasible_candidate", "/limits")


def test_a_process_that_dies_is_started_again_and_given_up_in_the_end(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.die) as made:
        job = made.wait(made.create(), lambda job: job.state == "failed")
        assert job.attempt == 2
        assert job.error is not None
        assert job.error.code == "too_many_attempts"
        assert "exit code -9" in job.error.message


def test_a_running_search_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.stop_when_told) as made:
        search_id = made.create()
        made.wait(search_id, lambda job: job.state == "running")
        made.lifecycle.cancel(search_id)
        made.worker.wake()
        assert made.wait(search_id, lambda job: job.state != "cancelling").state == "cancelled"


def test_a_search_that_does_not_listen_is_killed_after_a_grace(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.never_listen) as made:
        search_id = made.create()
        made.wait(search_id, lambda job: job.progress.generation == 1)
        made.lifecycle.cancel(search_id)
        made.worker.wake()
        assert made.wait(search_id, lambda job: job.state != "cancelling").state == "cancelled"
        assert made.worker.running == 0


def test_no_more_searches_run_than_allowed(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.stop_when_told) as made:
        first, second, third = (made.create() for _ in range(3))
        made.wait(second, lambda job: job.state == "running")
        time.sleep(0.3)
        assert made.job(third).state == "queued"
        assert made.worker.running == 2
        made.lifecycle.cancel(first)
        made.worker.wake()
        made.wait(third, lambda job: job.state == "running")


def test_stopping_puts_running_searches_back(tmp_path: Path) -> None:
    with bench(tmp_path, service_targets.never_listen) as made:
        search_id = made.create()
        made.wait(search_id, lambda job: job.progress.generation == 1)
        started = time.monotonic()
        made.worker.stop()
        assert time.monotonic() - started < 5
        job = made.job(search_id)
        assert (job.state, job.attempt, job.owner) == ("queued", 1, None)


def test_searches_of_a_dead_server_are_taken_over(tmp_path: Path) -> None:
    dead = Bench(tmp_path, service_targets.succeed)
    search_id = dead.lifecycle.create({}, EFFECTIVE).id
    assert dead.lifecycle.claim() is not None
    dead.database.close()
    with bench(tmp_path, service_targets.succeed) as made:
        job = made.wait(search_id, lambda job: job.state == "succeeded")
        assert job.attempt == 2


def test_the_worker_lives_through_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.jobs.worker._PAUSE_AFTER_FAULT_S", 0.01)
    with bench(tmp_path, service_targets.succeed) as made:
        claim, faults = made.lifecycle.claim, [StorageUnavailableError("readonly")] * 3

        def sometimes_away() -> SearchJob | None:
            if faults:
                raise faults.pop()
            return claim()

        monkeypatch.setattr(made.lifecycle, "claim", sometimes_away)
        made.wait(made.create(), lambda job: job.state == "succeeded")
        assert made.worker.alive
        assert not faults


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_puts_its_searches_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(tmp_path, service_targets.never_listen) as made:

        def break_down() -> None:
            raise RuntimeError

        search_id = made.create()
        made.wait(search_id, lambda job: job.progress.generation == 1)
        monkeypatch.setattr(made.lifecycle, "claim", break_down)
        made.worker.wake()
        made.wait(search_id, lambda job: job.state == "queued")


def test_a_result_that_cannot_be_stored_fails_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(tmp_path, service_targets.succeed) as made:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(made.files, "write", full)
        job = made.wait(made.create(), lambda job: job.state in ("failed", "succeeded"))
        assert job.error is not None
        assert job.error.code == "storage_full"
