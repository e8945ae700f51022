"""What a search's process says over the pipe, without the process."""

from __future__ import annotations

import itertools
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from latency_tables import write_table
from search import GenerationReport, SearchCancelled
from service import resources
from service.job import JobError, Progress
from service.jobs.messages import CANCEL, Cancelled, Done, Message, ResultFile, receive, send
from service.jobs.order import SearchOrder, make_order
from service.jobs.remeasure import Effort
from service.jobs.runner import ProgressReporter, _outcome, run_order
from service.resources import load_catalogue
from service.settings import Settings
from tests.service_world import DEVICE, REQUEST, SPACE, build_world, local_table
from tests.unit.service.conftest import Pipe
from tests.unit.service.test_job import JOB


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_world(tmp_path_factory.mktemp("runner"))


@pytest.fixture(scope="module")
def order(world: Settings) -> SearchOrder:
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    job = replace(JOB, effective=REQUEST | {"objectives": ["error", "latency_ms"]})
    return make_order(world, catalogue, job)


def heard(connection: Connection) -> list[Message]:
    messages = []
    while connection.poll():
        messages.append(receive(connection))
    return messages


@pytest.mark.parametrize(
    "message",
    [
        Progress("evolving", 3, 10, 24, 0.5, 4),
        Progress("loading"),
        Progress("remeasuring", 10, 10, 24, 0.5, 4, 0.25, 12.5),
        ResultFile("front.json", b"\x00\xff{}"),
        ResultFile("empty", b""),
        Done(12),
        Done(3, "ended after generation 2: stop.seconds"),
        JobError("limit", "too low", "/limits"),
        Cancelled(),
    ],
)
def test_messages_arrive_as_they_were_sent(pipe: Pipe, message: Message) -> None:
    send(pipe[0], message)
    assert heard(pipe[1]) == [message]


def test_a_closed_pipe_ends_listening() -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises(EOFError):
        receive(ours)
    ours.close()


def test_an_order_crosses_as_text(order: SearchOrder) -> None:
    text = order.to_json()
    assert SearchOrder.from_json(text) == order
    assert json.loads(text)["search_id"] == JOB.id


def test_an_order_carries_the_servers_predictor(order: SearchOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fitted again: with the hyperparameters given, the search for them is never entered."""

    def fit_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("search.predictor.error_predictor.fit_shape", fit_again)
    found, supernet = resources.load_resources(order)
    assert supernet.hyperparameters == pytest.approx(order.hyperparameters)
    assert found.space.name == SPACE


def test_a_search_sends_its_files_and_its_end(order: SearchOrder, pipe: Pipe) -> None:
    end = _outcome(order, pipe[0])
    messages = heard(pipe[1])
    files = {message.name: message.content for message in messages if isinstance(message, ResultFile)}
    assert set(files) == {"front.json", "front.csv", "evaluated.json", "breakdown.json"}
    front = json.loads(files["front.json"])
    assert end == Done(len(front["items"]))
    assert set(front["tables"]) == {DEVICE}
    assert any(isinstance(message, Progress) for message in messages)


def test_equal_orders_give_equal_files(order: SearchOrder, pipe: Pipe) -> None:
    contents = []
    for _ in range(2):
        _outcome(order, pipe[0])
        contents.append([message for message in heard(pipe[1]) if isinstance(message, ResultFile)])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"space": "gone"}, "unknown_space"),
        ({"devices": ["gone"]}, "missing_table"),
        ({"limits": {"params": {"max": 1}}}, "limit"),
        ({"space": 5}, "internal_error"),
    ],
)
def test_what_goes_wrong_is_a_message_with_a_code(order: SearchOrder, pipe: Pipe, change: dict, code: str) -> None:
    end = _outcome(replace(order, request=dict(order.request) | change), pipe[0])
    assert isinstance(end, JobError)
    assert end.code == code


def test_a_damaged_supernet_fails_the_search_and_names_the_file(order: SearchOrder, pipe: Pipe, tmp_path: Path) -> None:
    world = build_world(tmp_path)
    (tmp_path / "supernets" / SPACE / "evaluations.npz").write_bytes(b"x")
    end = _outcome(replace(order, pretrained_dir=str(world.pretrained_dir)), pipe[0])
    assert isinstance(end, JobError)
    assert end.code == "artefact"
    assert "evaluations.npz" in end.message


def test_a_damaged_table_fails_only_searches_for_its_device(order: SearchOrder, pipe: Pipe, tmp_path: Path) -> None:
    world = build_world(tmp_path)
    damaged = world.tables_dir / "other-board" / f"{SPACE}.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    here = replace(order, tables_dir=str(world.tables_dir))
    assert isinstance(_outcome(here, pipe[0]), Done)
    end = _outcome(replace(here, request=dict(here.request) | {"devices": ["other-board"]}), pipe[0])
    assert isinstance(end, JobError)
    assert end.code == "missing_table"


def test_the_order_to_stop_ends_the_search(order: SearchOrder, pipe: Pipe) -> None:
    pipe[1].send_bytes(CANCEL)
    assert _outcome(order, pipe[0]) == Cancelled()
    assert not [message for message in heard(pipe[1]) if isinstance(message, ResultFile)]


def report(generation: int) -> GenerationReport:
    return GenerationReport(generation, 100, 8 * generation, 0.5, 3, generation / 100)


def test_progress_is_told_first_and_last_and_not_each_time(pipe: Pipe) -> None:
    ticks = itertools.count(100.0, 0.01)
    reporter = ProgressReporter(pipe[0], lambda: next(ticks))
    for generation in range(1, 101):
        reporter.on_generation(report(generation))
    told: list[Any] = heard(pipe[1])
    assert [told[0].generation, told[-1].generation] == [1, 100]
    assert 4 <= len(told) <= 8


def test_what_was_last_reported_is_told_at_the_end_whenever_that_was(pipe: Pipe) -> None:
    reporter = ProgressReporter(pipe[0], lambda: 100.0)
    for generation in range(1, 8):
        reporter.on_generation(report(generation))
    reporter.flush()
    told: list[Any] = heard(pipe[1])
    assert [progress.generation for progress in told] == [1, 7]
    assert told[-1].fraction == pytest.approx(0.07)


def test_the_order_to_stop_is_heard_between_generations(pipe: Pipe) -> None:
    reporter = ProgressReporter(pipe[0])
    reporter.on_generation(report(1))
    pipe[1].send_bytes(CANCEL)
    with pytest.raises(SearchCancelled):
        reporter.on_generation(report(2))


def test_the_second_measurement_tells_its_share_and_its_seconds_left(pipe: Pipe) -> None:
    ticks = itertools.count(100.0, 0.1)
    reporter = ProgressReporter(pipe[0], lambda: next(ticks))
    reporter.on_generation(report(100))
    for step in range(50):
        reporter.on_remeasuring(step / 50, 50.0 - step)
    told: list[Any] = heard(pipe[1])[1:]
    assert told[0] == Progress("remeasuring", 100, 100, 800, 0.5, 3, 0.0, 50.0)
    assert 4 <= len(told) <= 6
    assert [progress.fraction for progress in told] == sorted(progress.fraction for progress in told)


def test_the_order_to_stop_is_heard_during_the_second_measurement(pipe: Pipe) -> None:
    reporter = ProgressReporter(pipe[0])
    reporter.on_remeasuring(0.0, 50.0)
    pipe[1].send_bytes(CANCEL)
    with pytest.raises(SearchCancelled):
        reporter.on_remeasuring(0.01, 49.0)


@pytest.fixture
def local_order(world: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchOrder]:
    """A search for this machine whose front is measured again, with as few rounds as there can be."""
    monkeypatch.setattr("service.jobs.remeasure.EFFORT", Effort(budget_s=0.01))
    path = world.tables_dir / "local-cpu" / f"{SPACE}.json"
    write_table(local_table(), path)
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    wish = {"objectives": ["error", "latency_ms"], "devices": ["local-cpu", DEVICE], "remeasure": True}
    yield make_order(world, catalogue, replace(JOB, effective=REQUEST | wish))
    path.unlink()


def test_a_front_is_measured_again_on_this_machine(local_order: SearchOrder, pipe: Pipe) -> None:
    """With the real agent: the times are of this machine, whatever its table says."""
    end = _outcome(local_order, pipe[0])
    messages = heard(pipe[1])
    front = json.loads(next(m.content for m in messages if isinstance(m, ResultFile) and m.name == "front.json"))
    assert end == Done(len(front["items"]))
    assert front["remeasured"]["networks"] == len(front["items"])
    assert list(front["remeasured"]["devices"]) == ["local-cpu"]
    for item in front["items"]:
        assert 0 < item["remeasured_ms"]["local-cpu"] < 1000
        assert set(item["latency_ms"]) == {"local-cpu", DEVICE}
    ranks = [item["remeasured_rank"] for item in front["items"]]
    assert min(ranks) == 1
    assert front["remeasured"]["still_non_dominated"] == pytest.approx(ranks.count(1) / len(ranks))
    assert [m.phase for m in messages if isinstance(m, Progress)][-1] == "remeasuring"


def test_the_second_measurement_can_be_cancelled(local_order: SearchOrder, pipe: Pipe, monkeypatch) -> None:
    send_progress = ProgressReporter.on_remeasuring

    def cancel_then(reporter: ProgressReporter, fraction: float, seconds_left: float) -> None:
        if fraction > 0.3:
            pipe[1].send_bytes(CANCEL)
        send_progress(reporter, fraction, seconds_left)

    monkeypatch.setattr(ProgressReporter, "on_remeasuring", cancel_then)
    assert _outcome(local_order, pipe[0]) == Cancelled()
    assert not [message for message in heard(pipe[1]) if isinstance(message, ResultFile)]


def test_a_table_of_another_machine_fails_the_search_before_it_runs(local_order: SearchOrder, pipe: Pipe) -> None:
    """It may have been replaced since the search was posted."""
    request = dict(local_order.request) | {"devices": [DEVICE]}
    end = _outcome(replace(local_order, request=request), pipe[0])
    assert isinstance(end, JobError)
    assert (end.code, "the table is of 'none'" in end.message) == ("remeasure_elsewhere", True)
    assert not heard(pipe[1])


@pytest.mark.parametrize(("remeasure", "niceness"), [(False, 3), (True, 0)])
def test_a_process_that_measures_is_not_set_back(order: SearchOrder, monkeypatch, remeasure, niceness) -> None:
    asked: list[int] = []
    monkeypatch.setattr("service.jobs.runner._set_up_process", asked.append)
    monkeypatch.setattr("service.jobs.runner._outcome", lambda *_: Cancelled())
    ours, theirs = multiprocessing.Pipe()
    changed = replace(order, nice=3, request=dict(order.request) | {"remeasure": remeasure})
    run_order(changed.to_json(), theirs)
    ours.close()
    assert asked == [niceness]
