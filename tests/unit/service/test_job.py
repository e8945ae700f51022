"""States, forecasts and times of searches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.job import TERMINAL, TRANSITIONS, Progress, SearchJob, State, read_time, time_text

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB = SearchJob(
    id="srch_a",
    state=State.RUNNING,
    state_reason=None,
    request={},
    effective={"space": "tiny"},
    seed=1,
    attempt=1,
    owner="me",
    progress=Progress("evolving", 25, 100),
    error=None,
    created_at=START,
    queued_at=START,
    started_at=START,
    cancelling_at=None,
    finished_at=None,
    updated_at=START + timedelta(seconds=10),
)


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(State)


def test_nothing_follows_an_end() -> None:
    assert {State.SUCCEEDED, State.FAILED, State.CANCELLED} == TERMINAL


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set().union(*TRANSITIONS.values()) == set(State)


def test_the_forecast_extends_the_pace_so_far() -> None:
    assert JOB.estimated_finish_at == START + timedelta(seconds=40)


def test_a_process_that_knows_its_time_left_is_believed() -> None:
    job = replace(JOB, progress=Progress("remeasuring", 100, 100, phase_fraction=0.25, seconds_left=33.0))
    assert job.progress.fraction == 0.25
    assert job.estimated_finish_at == START + timedelta(seconds=43)
    assert replace(job, state=State.SUCCEEDED).estimated_finish_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"effective": {"space": "tiny", "remeasure": True}},
        {"state": State.SUCCEEDED},
        {"started_at": None},
        {"progress": Progress("evolving", 1, 100)},
        {"progress": Progress()},
        {"progress": Progress("loading", 0, 100, phase_fraction=0.5)},
    ],
)
def test_there_is_no_forecast_without_grounds(change: dict) -> None:
    assert replace(JOB, **change).estimated_finish_at is None


def test_a_time_reads_back_and_is_utc() -> None:
    local = datetime(2026, 11, 22, 13, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert time_text(local) == "2026-11-22T12:00:00.123456Z"
    assert read_time(time_text(local)) == local


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-11-22T12:00:00Z", "x'; DROP TABLE searches"])
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="time data"):
        read_time(text)
