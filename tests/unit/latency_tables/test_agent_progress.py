"""The share done and the time left are right from the first warm-up on, and a budget that does not suffice is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from latency_tables import MeasurementPlan, agent, time_models, write_plan

Called = list[tuple[float, float, float]]
"""Of each call: the clock, the share done and the seconds left."""


@pytest.fixture
def watch(make_onnx: Callable[..., bytes], fake_clock: Callable[..., object]) -> Callable[..., Called]:
    """Measures 40 models on a clock on which every run takes so long, and keeps what the progress said."""

    def measure(run_s: float, budget_s: float, journal: agent._Journal | None = None) -> Called:
        fake_clock(run_s=run_s)
        called: Called = []

        def on_progress(done: int, total: int, left_s: float) -> None:
            called.append((agent.time.monotonic(), done / total, left_s))

        options = agent.Options(budget_s=budget_s, early_stop=False)
        agent._time_all([(str(number), make_onnx(2)) for number in range(40)], options, on_progress, journal)
        return called

    return measure


def worst_share(called: Called) -> float:
    """How far the share done ever is from the share of the time that has passed."""
    return max(abs(share - now / called[-1][0]) for now, share, _ in called)


def worst_left_s(called: Called) -> float:
    """How far the seconds left ever are from those that it took."""
    return max(abs(called[-1][0] - now - left_s) for now, _, left_s in called)


def test_share_and_time_left_are_right_from_the_beginning(watch: Callable[..., Called]) -> None:
    called = watch(0.001, 30.0)
    assert worst_share(called) < 0.15
    assert worst_left_s(called) < 0.15 * called[-1][0]


def test_warming_up_is_part_of_the_share(watch: Callable[..., Called]) -> None:
    """Ten rounds and one warm-up: a share of about an eleventh, not of 1 in 501."""
    shares = [share for _, share, _ in watch(0.01, 48.0)[:40]]
    assert shares == sorted(shares)
    assert 0.06 < shares[-1] < 0.12


def test_the_time_left_is_the_real_one_where_the_budget_does_not_suffice(watch: Callable[..., Called]) -> None:
    called = watch(1.0, 10.0)
    assert called[0][2] > 1000
    assert worst_left_s(called) < 0.15 * called[-1][0]
    assert worst_share(called) < 0.15


def test_a_budget_that_does_not_suffice_is_told_once(
    watch: Callable[..., Called], capsys: pytest.CaptureFixture[str]
) -> None:
    watch(1.0, 10.0)
    errors = capsys.readouterr().err
    assert errors.count("4 rounds, the fewest, take about 1560 s; the budget is 10 s.") == 1
    assert errors.strip().count("\n") == 0


def test_a_budget_that_suffices_is_not_mentioned(
    watch: Callable[..., Called], capsys: pytest.CaptureFixture[str]
) -> None:
    watch(0.01, 48.0)
    assert capsys.readouterr().err == ""


def test_the_terminal_is_told_that_the_fewest_rounds_take_longer(
    plan: MeasurementPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.measure_plan(write_plan(plan), agent.Options(budget_s=0.0001))
    assert "4 rounds, the fewest, take about" in capsys.readouterr().err


def test_models_that_a_program_times_print_nothing(
    make_onnx: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    time_models([make_onnx(2)], agent.Options(budget_s=0.0001))
    assert capsys.readouterr().err == ""


def test_opening_a_model_anew_in_every_round_is_foreseen(fake_clock: Callable[..., object]) -> None:
    fake_clock(run_s=1.0)
    kept, closed = (agent._Model("m", b"", 0, session=session, fastest_ms=1000.0, seconds=5.0) for session in (1, None))
    round_s = []
    for model in (kept, closed):
        pace = agent._Pace(1, 1.0, agent._Record(), None)
        pace.warmed_up(model)
        round_s.append(pace.round_s)
    assert round_s == [9.0, 14.0]


def test_a_continued_measurement_counts_what_was_done(watch: Callable[..., Called], tmp_path: Path) -> None:
    path = tmp_path / "journal"
    watch(0.01, 16.0, agent._Journal(path, {}))
    shares = [share for _, share, _ in watch(0.01, 48.0, agent._Journal(path, {}))]
    assert shares[0] > 0.2
    assert shares[-1] == 1.0
