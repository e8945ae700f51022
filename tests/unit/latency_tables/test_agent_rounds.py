"""When the agent stops, what it makes of its samples, and what it says of drift and disturbance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from latency_tables import MeasurementPlan, MeasureOptions, agent, measure_plan, write_plan


def record_of(samples_ms: np.ndarray, **fields: Any) -> agent._Record:
    models = samples_ms.shape[1]
    return agent._Record(runs=[8] * models, samples_ms=samples_ms.tolist(), spent_s=[0.1] * models, **fields)


def noisy(rounds: int, models: int = 40, *, share: float = 0.1, seed: int = 0) -> np.ndarray:
    """Samples of 1 ms, a share of which is up to 50 % slower."""
    rng = np.random.default_rng(seed)
    disturbed = rng.random((rounds, models)) < share
    return 1 + disturbed * rng.uniform(0, 0.5, (rounds, models))


def test_the_fastest_sample_counts_and_each_half_has_its_own() -> None:
    entry = record_of(np.array([[3.0], [2.5], [4.0], [2.0]])).entries(["a"])["a"]
    assert (entry["ms"], entry["first_half_ms"], entry["second_half_ms"]) == (2.0, 3.0, 2.0)
    assert (entry["rounds"], entry["runs"], entry["seconds"]) == (4, 8, 0.1)


def test_times_that_no_longer_fall_are_settled() -> None:
    assert record_of(noisy(12)).settled()


@pytest.mark.parametrize("rounds", [10, 13])
def test_too_few_rounds_or_an_odd_number_are_never_settled(rounds: int) -> None:
    assert not record_of(np.ones((rounds, 5))).settled()


def test_times_that_still_fall_are_not_settled() -> None:
    falling = np.linspace(1.2, 1.0, 20)[:, None] * np.ones((20, 30))
    assert not record_of(falling).settled()


def test_a_later_half_that_was_faster_is_not_settled() -> None:
    samples = np.full((12, 30), 1.02)
    samples[6:] = 1.0
    assert not record_of(samples).settled()


def test_the_seconds_of_a_model_are_those_spent_on_it(
    make_onnx: Callable[..., bytes], fake_clock: Callable[..., Any]
) -> None:
    fake_clock(run_s=0.01)
    record = agent._time_all([("a", make_onnx(2)), ("b", make_onnx(2))], agent.Options(budget_s=0.1), sentinels=0)
    runs = 3 + len(record.samples_ms) * (1 + 8)
    assert [entry["seconds"] for entry in record.entries("ab").values()] == [pytest.approx(0.01 * runs)] * 2


def test_a_single_lucky_round_is_not_settled() -> None:
    """The first round alone was undisturbed: the later half brings nothing, and yet the time is not sure."""
    samples = np.full((12, 30), 1.4)
    samples[0] = 1.0
    assert not record_of(samples).settled()


def test_one_unsettled_model_in_forty_does_not_hold_up_the_rest() -> None:
    samples = noisy(12, share=0.0)
    samples[:, 0] = np.linspace(2, 1, 12)
    assert record_of(samples).settled()
    samples[:, :4] = np.linspace(2, 1, 12)[:, None]
    assert not record_of(samples).settled()


def test_a_steady_machine_stops_early_and_says_so(
    make_onnx: Callable[..., bytes], fake_clock: Callable[..., Any]
) -> None:
    fake_clock(run_s=0.01)
    named = [("a", make_onnx(2)), ("b", make_onnx(2))]
    stopped = agent._time_all(named, agent.Options(budget_s=1000))
    assert (stopped.stopped_early, len(stopped.samples_ms)) == (True, agent.SETTLED_ROUNDS)
    patient = agent._time_all(named, agent.Options(budget_s=10, early_stop=False))
    assert not patient.stopped_early
    assert len(patient.samples_ms) > agent.SETTLED_ROUNDS


@pytest.mark.parametrize(("slowdown", "warned"), [(1.0, False), (1.0002, True)])
def test_a_machine_that_becomes_slower_is_told(
    slowdown: float, warned: bool, plan: MeasurementPlan, fake_clock: Callable[..., Any]
) -> None:
    fake_clock(run_s=0.01, slowdown=slowdown)
    result = measure_plan(write_plan(plan), MeasureOptions(budget_s=20))
    assert any("slower for a part of the measurement: thermal limits" in text for text in result["warnings"]) == warned
    drift = result["drift"]
    assert (drift["slow_down"] > agent.MOST_DRIFT) == warned
    assert drift["thirds"] == sorted(drift["thirds"])
    assert drift["thirds"][0] == 1.0
    assert set(drift["sentinels"]) == {"conv-4", "conv-8", "conv-16"}


def test_short_disturbances_are_no_drift() -> None:
    rng = np.random.default_rng(1)
    turns = [[float(at), *(1 + 0.3 * (rng.random(3) < 0.2))] for at in range(40)]
    drift = record_of(np.ones((4, 3)), turns=turns, sentinels=[0, 1, 2]).drift("abc")
    assert drift is not None
    assert drift["slow_down"] < 0.01


def test_a_third_with_many_short_disturbances_is_no_drift() -> None:
    turns = [[float(at), *([1.3 if at > 20 and at % 3 else 1.0] * 3)] for at in range(30)]
    drift = record_of(np.ones((4, 3)), turns=turns, sentinels=[0, 1, 2]).drift("abc")
    assert drift is not None
    assert drift["slow_down"] == 0.0


def test_a_throttled_middle_is_drift() -> None:
    turns = [[float(at), *([1.3 if 10 <= at < 20 else 1.0] * 3)] for at in range(30)]
    drift = record_of(np.ones((4, 3)), turns=turns, sentinels=[0, 1, 2]).drift("abc")
    assert drift is not None
    assert drift["thirds"] == [1.0, 1.3, 1.0]
    assert drift["slow_down"] == pytest.approx(0.3)


def test_too_few_turns_tell_nothing_of_drift() -> None:
    assert record_of(np.ones((2, 1)), turns=[[0.0, 1.0]] * 5, sentinels=[0]).drift("a") is None


def test_sentinels_are_a_fast_a_middle_and_a_slow_model() -> None:
    models = [
        agent._Model(str(number), b"", 0, fastest_ms=ms) for number, ms in enumerate([5.0, 1.0, 3.0, 2.0, 4.0, 6.0])
    ]
    record = agent._Record()
    record.prepare(models, 3)
    assert record.sentinels == [3, 4, 5]
    alone = agent._Record()
    alone.prepare(models[:1], 1)
    assert alone.sentinels == [0]


def test_sentinels_are_spread_over_a_round(make_onnx: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(agent._Model, "sample", lambda self, threads: seen.append(self.name) or 1.0)
    models = [agent._Model(str(number), b"", 0, fastest_ms=1.0) for number in range(90)]
    record = agent._Record()
    record.prepare(models, 3)
    pace = agent._Pace(90, 1.0, record, None)
    agent._measure_round(models, agent.Options(), record, pace, 2**60)
    names = {str(number) for number in record.sentinels}
    assert len(record.turns) == 3
    assert len(seen) == 90 + 3 * 3
    assert sorted(set(seen), key=int) == [str(number) for number in range(90)]
    turns = [start for start in range(len(seen) - 2) if set(seen[start : start + 3]) == names]
    assert max(np.diff(turns)) > 20


@pytest.mark.parametrize(
    ("change", "threads", "words"),
    [
        ({}, 1, []),
        ({"emulated": True, "emulation": "qemu-user"}, 1, ["This processor is emulated (qemu-user)"]),
        ({"cores": 2}, 4, ["4 threads share 2 cores"]),
        ({"cores": None}, 4, []),
    ],
)
def test_what_a_reader_must_know_is_said(change: dict[str, Any], threads: int, words: list[str]) -> None:
    machine = {"emulated": False, "emulation": None, "cores": 4} | change
    found = agent._warnings(machine, agent.Options(threads), None, record_of(np.ones((4, 2))).entries("ab"))
    assert len(found) == len(words)
    assert all(part in text for part, text in zip(words, found, strict=True))


def test_a_disturbed_measurement_is_said_to_be_one() -> None:
    samples = np.ones((4, 3))
    samples[0::2, :2] = 1.1
    machine = {"emulated": False, "cores": 1}
    (text,) = agent._warnings(machine, agent.Options(), None, record_of(samples).entries("abc"))
    assert "differ by 9.1% for the middle model" in text
    assert "(agent.py --budget-s, lutnas measure --budget)" in text


def test_the_recipe_of_the_plan_is_copied(plan: MeasurementPlan) -> None:
    assert measure_plan(write_plan(plan), MeasureOptions(budget_s=0.01))["plan_recipe"] is None


def test_a_result_has_one_date_with_its_zone(plan: MeasurementPlan) -> None:
    date = measure_plan(write_plan(plan), MeasureOptions(budget_s=0.01))["date"]
    assert date.endswith("+00:00")


def test_missing_onnxruntime_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(agent.sys.modules, "onnxruntime", None)
    with pytest.raises(agent.AgentError, match=r"onnxruntime: cannot be imported .* -m pip install onnxruntime"):
        agent._runtime()
