"""A verified search without its process: what it says over the pipe, and what can be wrong with its images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from search import GenerationReport
from service.job import JobError, Progress
from service.jobs import verification
from service.jobs.messages import CANCEL, Cancelled, Done, Message, ResultFile, receive
from service.jobs.order import SearchOrder, make_order
from service.jobs.runner import ProgressReporter, _outcome
from service.resources import load_catalogue
from service.settings import Settings
from service.storage.database import open_database
from tests.service_world import REQUEST
from tests.unit.service.conftest import Pipe
from tests.unit.service.test_job import JOB
from tests.verified_world import IMAGES, build_verified_world, evaluations_kept

BUDGET = 6
WISH = {"objectives": ["error", "latency_ms"], "verify": True, "verify_evaluations": BUDGET, "verify_images": 2000}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, SearchOrder]:
    settings = build_verified_world(tmp_path_factory.mktemp("verified"))
    catalogue = load_catalogue(settings.tables_dir, settings.pretrained_dir)
    return settings, make_order(settings, catalogue, replace(JOB, effective=REQUEST | WISH))


@pytest.fixture
def world(prepared: tuple[Settings, SearchOrder], tmp_path: Path) -> Settings:
    """The prepared world with a database of its own."""
    settings = prepared[0].model_copy(update={"data_dir": tmp_path})
    open_database(settings.url).close()
    return settings


@pytest.fixture
def order(prepared: tuple[Settings, SearchOrder], world: Settings) -> SearchOrder:
    return replace(prepared[1], database_url=world.url, claims_file=str(world.claims_file))


def heard(connection: Connection) -> list[Message]:
    messages = []
    while connection.poll():
        messages.append(receive(connection))
    return messages


def front_of(messages: list[Message]) -> dict:
    return json.loads(next(m.content for m in messages if isinstance(m, ResultFile) and m.name == "front.json"))


def test_an_order_says_where_images_and_evaluations_are(prepared: tuple[Settings, SearchOrder]) -> None:
    settings, order = prepared
    assert SearchOrder.from_json(order.to_json()) == order
    assert order.datasets == {"patches": str(settings.datasets["patches"])}
    assert (order.database_url, order.images_dir) == (settings.url, str(settings.images_dir))


def test_every_evaluation_is_kept_and_found_again(order: SearchOrder, world: Settings, pipe: Pipe) -> None:
    assert isinstance(_outcome(order, pipe[0]), Done)
    cold = front_of(heard(pipe[1]))
    kept = evaluations_kept(world)
    assert len(kept) == BUDGET
    assert isinstance(_outcome(order, pipe[0]), Done)
    warm = front_of(heard(pipe[1]))
    assert evaluations_kept(world) == kept
    assert (cold["verified"].pop("from_cache"), warm["verified"].pop("from_cache")) == (0, BUDGET)
    assert cold == warm


def test_progress_counts_evaluations(order: SearchOrder, pipe: Pipe) -> None:
    _outcome(order, pipe[0])
    told = [message for message in heard(pipe[1]) if isinstance(message, Progress)]
    assert {progress.phase for progress in told} <= {"loading", "verifying"}
    assert (told[-1].evaluations, told[-1].fraction) == (BUDGET, 1.0)
    assert [progress.evaluations for progress in told] == sorted(progress.evaluations for progress in told)


def test_the_share_of_images_read_is_told_and_the_order_to_stop_heard(
    order: SearchOrder, pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_read(*_: object, on_progress: Callable[[float], None], **__: object) -> None:
        on_progress(0.5)
        pipe[1].send_bytes(CANCEL)
        on_progress(0.75)

    monkeypatch.setattr("service.datasets.read_dataset", half_read)
    assert _outcome(replace(order, images_dir=str(tmp_path / "none")), pipe[0]) == Cancelled()
    assert heard(pipe[1]) == [Progress("loading", generations_total=REQUEST["generations"], phase_fraction=0.5)]


def test_the_order_to_stop_is_heard_between_batches_of_images(
    order: SearchOrder, world: Settings, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = verification.Subnets.evaluate
    calls: list[tuple[int, ...]] = []

    def cancel_at_the_third(self, genome, on_batch):
        calls.append(genome)
        if len(calls) == 3:
            pipe[1].send_bytes(CANCEL)
        return evaluate(self, genome, on_batch)

    monkeypatch.setattr(verification.Subnets, "evaluate", cancel_at_the_third)
    assert _outcome(order, pipe[0]) == Cancelled()
    assert len(calls) == 3
    assert len(evaluations_kept(world)) == 2
    assert not [message for message in heard(pipe[1]) if isinstance(message, ResultFile)]


def test_foreign_rows_do_not_break_a_search(order: SearchOrder, world: Settings, pipe: Pipe) -> None:
    assert isinstance(_outcome(order, pipe[0]), Done)
    cold = front_of(heard(pipe[1]))
    database = open_database(world.url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET error = 'x', cross_entropy = -3 WHERE rowid % 2 = 0")
    database.close()
    assert isinstance(_outcome(order, pipe[0]), Done)
    assert front_of(heard(pipe[1]))["items"] == cold["items"]


def test_without_a_database_a_search_goes_on(order: SearchOrder, pipe: Pipe, tmp_path: Path) -> None:
    away = replace(order, database_url=f"sqlite:///{tmp_path / 'gone' / 'away.sqlite3'}")
    assert isinstance(_outcome(away, pipe[0]), Done)
    assert front_of(heard(pipe[1]))["verified"]["evaluations"] == BUDGET


def test_a_dataset_that_is_gone_fails_the_search_and_is_named(order: SearchOrder, pipe: Pipe, tmp_path: Path) -> None:
    gone = replace(order, datasets={"patches": str(tmp_path / "gone")}, images_dir=str(tmp_path / "images"))
    end = _outcome(gone, pipe[0])
    assert isinstance(end, JobError)
    assert (end.code, "gone" in end.message) == ("dataset", True)


def test_another_dataset_of_the_same_name_is_refused(order: SearchOrder, pipe: Pipe, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(order.datasets["patches"], other)
    (other / "train" / "class0").rename(other / "train" / "zebra")
    (other / "test" / "class0").rename(other / "test" / "zebra")
    end = _outcome(replace(order, datasets={"patches": str(other)}, images_dir=str(tmp_path / "i")), pipe[0])
    assert isinstance(end, JobError)
    assert (end.code, "zebra" in end.message) == ("dataset", True)


def test_a_dataset_that_is_no_longer_configured_fails_the_search(order: SearchOrder, pipe: Pipe) -> None:
    end = _outcome(replace(order, datasets={}), pipe[0])
    assert isinstance(end, JobError)
    assert (end.code, "LUTNAS_DATASETS" in end.message) == ("space_without_dataset", True)


def test_as_many_images_as_asked_for_are_used(order: SearchOrder, world: Settings, pipe: Pipe) -> None:
    _outcome(order, pipe[0])
    _outcome(replace(order, request=dict(order.request) | {"verify_images": 12}), pipe[0])
    assert {images for _, images, _ in evaluations_kept(world)} == {IMAGES, 12}


def test_generations_do_not_end_the_phase(pipe: Pipe) -> None:
    reporter = ProgressReporter(pipe[0])
    reporter.on_verifying(3, 12, 40.0)
    reporter.on_generation(GenerationReport(3, 12, 3, 0.5, 2))
    reporter.flush()
    last = [message for message in heard(pipe[1]) if isinstance(message, Progress)][-1]
    assert last == Progress("verifying", 3, 12, 3, 0.5, 2, 0.25, 40.0)
