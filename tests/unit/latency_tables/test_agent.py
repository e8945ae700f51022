"""The measuring agent, on models that run and on all that can be wrong with a plan or a machine."""

from __future__ import annotations

import ast
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from latency_tables import (
    MeasurementError,
    MeasurementPlan,
    MeasureOptions,
    PlanEntry,
    agent,
    measure_plan,
    time_models,
    write_plan,
)

QUICK = MeasureOptions(budget_s=0.05)


def test_a_plan_is_measured(plan: MeasurementPlan) -> None:
    result = measure_plan(write_plan(plan), QUICK)
    assert set(result["entries"]) == {"conv-4", "conv-8", "conv-16"}
    for timing in result["entries"].values():
        assert 0 < timing["ms"] < 1000
        assert min(timing["first_half_ms"], timing["second_half_ms"]) == timing["ms"]
        assert timing["seconds"] > 0
        assert timing["rounds"] >= agent.FEWEST_ROUNDS
        assert timing["rounds"] % 2 == 0
    assert (result["threads"], result["batch"], result["precision"]) == (1, 1, "float32")
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_models_of_very_different_cost_are_told_apart(make_onnx: Callable[..., bytes]) -> None:
    small, large = time_models([make_onnx(2), make_onnx(96)], QUICK)
    assert large > 5 * small


def test_every_round_measures_every_model_in_a_new_order(
    plan: MeasurementPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sample = agent._Model.sample

    def recording(self: agent._Model, threads: int) -> float:
        seen.append(self.name)
        return sample(self, threads)

    monkeypatch.setattr(agent._Model, "sample", recording)
    named = [(entry.name, entry.onnx) for entry in plan.entries]
    record = agent._time_all(named, QUICK, sentinels=0)
    rounds = [tuple(seen[start : start + 3]) for start in range(0, len(seen), 3)]
    assert len(rounds) == len(record.samples_ms)
    assert all(set(order) == {"conv-4", "conv-8", "conv-16"} for order in rounds)
    assert len(set(rounds)) > 1


def test_progress_ends_with_all_done_and_nothing_left(plan: MeasurementPlan) -> None:
    calls: list[tuple[int, int, float]] = []
    measure_plan(write_plan(plan), QUICK, lambda *call: calls.append(call))
    assert [done for done, _, _ in calls[:-1]] == list(range(1, len(calls)))
    done, total, left_s = calls[-1]
    assert done == total
    assert left_s == 0
    assert all(left >= 0 for _, _, left in calls)


def test_the_budget_is_kept_within_a_round(make_onnx: Callable[..., bytes], fake_clock: Callable[..., Any]) -> None:
    """On a clock on which every run takes 10 ms, 3 s are enough for 16 rounds of 2 models with 9 runs each."""
    clock = fake_clock(run_s=0.01)
    named = [("a", make_onnx(2)), ("b", make_onnx(2))]
    record = agent._time_all(named, agent.Options(budget_s=3.0, early_stop=False), sentinels=0)
    assert len(record.samples_ms) in (14, 16)
    assert clock.now <= 3.0
    assert record.entries("ab")["a"]["ms"] == pytest.approx(10.0)


def test_a_budget_too_small_still_gives_the_fewest_rounds(
    make_onnx: Callable[..., bytes], fake_clock: Callable[..., Any]
) -> None:
    fake_clock(run_s=5.0)
    assert len(agent._time_all([("a", make_onnx(2))], agent.Options(budget_s=1.0)).samples_ms) == 4


def test_a_drifting_machine_shows_in_both_halves_alike(
    make_onnx: Callable[..., bytes], fake_clock: Callable[..., Any]
) -> None:
    fake_clock(run_s=0.01, slowdown=1.001)
    timing = agent._time_all([("a", make_onnx(2))], agent.Options(budget_s=1.0)).entries("a")["a"]
    assert timing["second_half_ms"] == pytest.approx(timing["first_half_ms"], rel=0.05)


@pytest.mark.parametrize("step_ns", [0, -5_000_000])
def test_a_clock_that_stands_or_runs_back_is_an_error(
    make_onnx: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, step_ns: int
) -> None:
    times = itertools.count(10**12, step_ns) if step_ns else itertools.repeat(10**12)
    monkeypatch.setattr(agent.time, "perf_counter_ns", lambda: next(times))
    with pytest.raises(MeasurementError, match=r"model 0: a run took .* which cannot be"):
        time_models([make_onnx(2)], QUICK)


def test_models_that_memory_has_no_room_for_are_opened_anew(
    make_onnx: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_session = agent._open_session

    def counting(name: str, onnx: bytes, threads: int) -> object:
        opened.append(name)
        return open_session(name, onnx, threads)

    sizes = itertools.count(0, 10)
    monkeypatch.setattr(agent, "_resident_bytes", lambda: next(sizes))
    monkeypatch.setattr(agent, "_open_session", counting)
    options = agent.Options(budget_s=0.01, most_open_bytes=5)
    record = agent._time_all([("a", make_onnx(2))], options, sentinels=0)
    assert len(opened) == 1 + len(record.samples_ms)


def test_half_of_the_free_memory_is_left(make_onnx: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    sizes = itertools.count(0, 10)
    monkeypatch.setattr(agent, "_resident_bytes", lambda: next(sizes))
    monkeypatch.setattr(agent, "_available_bytes", lambda: 30)
    close_above = agent._Model.close_above

    def recording(self: agent._Model, most_resident: int) -> None:
        assert most_resident == 15
        close_above(self, most_resident)
        closed.extend([self.name] * (self.session is None))

    monkeypatch.setattr(agent._Model, "close_above", recording)
    agent._time_all([("a", make_onnx(2)), ("b", make_onnx(2))], agent.Options(budget_s=0.01))
    assert closed[0] == "b"  # the first fits, at 10 of 15 bytes


def test_this_machine_tells_its_memory() -> None:
    assert 2**20 < agent._resident_bytes() < 2**40
    assert 2**20 < agent._available_bytes() <= 2**50


@pytest.mark.parametrize("onnx", [b"not a model", b"\x00" * 100])
def test_a_model_that_does_not_open_is_named(onnx: bytes) -> None:
    with pytest.raises(MeasurementError, match="model 0: onnxruntime cannot open the model"):
        time_models([onnx], QUICK)


def test_a_model_with_another_input_is_refused(make_onnx: Callable[..., bytes]) -> None:
    with pytest.raises(MeasurementError, match="model 0"):
        time_models([make_onnx(2, element=TensorProto.DOUBLE)], QUICK)


@pytest.mark.parametrize(("threads", "budget_s"), [(0, 1.0), (257, 1.0), (1, 0.0), (1, float("nan")), (1, 1e9)])
def test_senseless_options_are_refused(threads: int, budget_s: float) -> None:
    with pytest.raises(agent.AgentError, match="allowed"):
        MeasureOptions(threads, budget_s)


def test_the_agent_reads_what_write_plan_writes(plan: MeasurementPlan) -> None:
    recipe, space, models = agent.read_models(write_plan(plan))
    assert (recipe, space) == (None, "tiny")
    assert models == [(entry.name, entry.onnx) for entry in plan.entries]


def test_the_agent_refuses_a_damaged_plan(plan: MeasurementPlan) -> None:
    data = write_plan(plan)
    for length in range(0, len(data), 501):
        with pytest.raises(agent.AgentError):
            agent.read_models(data[:length])
    for position in range(0, len(data), 53):
        flipped = bytearray(data)
        flipped[position] ^= 0x01
        try:
            _, _, models = agent.read_models(bytes(flipped))
        except agent.AgentError:
            continue
        assert [onnx for _, onnx in models] == [entry.onnx for entry in plan.entries]


def test_the_agent_refuses_a_plan_that_unpacks_too_large(
    plan: MeasurementPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "LARGEST_PLAN_BYTES", 100)
    with pytest.raises(agent.AgentError, match="unpacks to more than 100 bytes"):
        agent.read_models(write_plan(plan))


def test_the_agent_runs_alone_as_a_program(plan: MeasurementPlan, tmp_path: Path) -> None:
    shutil.copy(agent.__file__, tmp_path / "agent.py")
    (tmp_path / "plan.zip").write_bytes(write_plan(plan))
    command = [sys.executable, "-I", "agent.py", "--plan", "plan.zip", "--out", "result.json", "--budget-s", "0.05"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads((tmp_path / "result.json").read_text())["entries"]) == {"conv-4", "conv-8", "conv-16"}
    assert "100 %" in done.stderr
    assert "Measured 3 models" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "absent.zip", "--out", "r.json"], "absent.zip"),
        (["--plan", "broken.zip", "--out", "r.json"], "agent: plan: is not a zip file"),
        (["--plan", "broken.zip", "--out", "r.json", "--threads", "0"], "agent: threads: is 0"),
    ],
)
def test_the_program_says_what_is_wrong(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.zip").write_bytes(b"PK nothing")
    monkeypatch.setattr(sys, "argv", ["agent.py", *arguments])
    assert agent.main() == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["broken.zip"]


def test_an_operator_may_stand_in_several_models(plan: MeasurementPlan) -> None:
    twin = PlanEntry("twin", plan.entries[0].operator_keys, plan.entries[0].onnx, "operator")
    result = measure_plan(write_plan(MeasurementPlan("tiny", (*plan.entries, twin))), QUICK)
    assert "twin" in result["entries"]


def test_what_the_progress_of_a_timing_raises_ends_it(make_onnx: Callable[..., bytes]) -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int, seconds_left: float) -> None:
        told.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        time_models([make_onnx(2), make_onnx(4)], QUICK, stop)
    assert [done for done, _ in told] == [1, 2, 3]


def imported_modules(source: str) -> set[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source, feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).partition(".")[0])
    return found


def test_the_agent_needs_nothing_but_numpy_and_onnxruntime() -> None:
    modules = imported_modules(Path(agent.__file__).read_text(encoding="utf-8"))
    assert modules - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("sys.version_info = (3, 8, 18)", "agent: needs Python 3.9 or newer"),
        ("sys.modules['numpy'] = None", "agent: numpy is missing"),
    ],
)
def test_what_is_missing_on_the_device_is_said_in_a_line(change: str, words: str) -> None:
    program = f"import runpy, sys; {change}; runpy.run_path({agent.__file__!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") == 1
