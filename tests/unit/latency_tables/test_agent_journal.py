"""An interrupted measurement goes on where it was, and never with rounds of something else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_tables import MeasurementPlan, agent, write_plan

HEADER = {"plan_sha256": "a" * 64, "machine": {"processor": "Cortex-A72"}, "threads": 1}
Named = list[tuple[str, bytes]]


class StopError(Exception):
    """What a test ends a measurement with."""


@pytest.fixture
def named(make_onnx: Callable[..., bytes]) -> Named:
    return [("a", make_onnx(2)), ("b", make_onnx(4))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.json.journal"


def interrupted(named: Named, path: Path, rounds: int, header: dict[str, Any] | None = None) -> None:
    """Measure and stop in the round after so many."""

    def on_progress(done: int, total: int, left_s: float) -> None:
        if done > len(named) * (1 + rounds):
            raise StopError

    with pytest.raises(StopError):
        agent._time_all(named, agent.Options(budget_s=60), on_progress, agent._Journal(path, header or HEADER))


def resumed(named: Named, path: Path, header: dict[str, Any] | None = None) -> agent._Record:
    return agent._time_all(named, agent.Options(budget_s=0.001), None, agent._Journal(path, header or HEADER))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_finished_rounds_are_kept_and_continued(named: Named, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(named, path, 5)
    kept = lines(path)[1:]
    assert [len(line["samples_ms"]) for line in kept] == [2] * 5
    record = resumed(named, path)
    assert record.samples_ms[:5] == [line["samples_ms"] for line in kept]
    assert len(record.samples_ms) == 6  # an even number, although the budget is spent
    assert record.seconds > kept[-1]["seconds"]
    assert all(after > before for after, before in zip(record.spent_s, kept[-1]["spent_s"], strict=True))
    assert record.turns[:10] == [turn for line in kept for turn in line["turns"]]
    assert [gap["after_round"] for gap in record.interruptions] == [5]
    assert "Continuing after round 5" in capsys.readouterr().err


def test_runs_and_sentinels_stay_those_of_the_beginning(named: Named, path: Path) -> None:
    interrupted(named, path, 2)
    text = path.read_text().replace('"runs": [20, 20]', '"runs": [9, 11]')
    path.write_text(text)
    record = resumed(named, path)
    assert record.runs == [9, 11]
    assert record.entries("ab")["b"]["runs"] == 11


def test_a_measurement_may_be_interrupted_again_and_again(named: Named, path: Path) -> None:
    for rounds in (2, 3, 5):
        interrupted(named, path, rounds)
    record = resumed(named, path)
    assert [gap["after_round"] for gap in record.interruptions] == [2, 3, 5]
    assert len(record.samples_ms) == 6


def test_a_long_gap_is_noted(named: Named, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(named, path, 4)
    now = time.time()
    monkeypatch.setattr(agent.time, "time", lambda: now + 7200)
    (gap,) = resumed(named, path).interruptions
    assert gap["gap_s"] == pytest.approx(7200, abs=5)


def test_a_clock_set_back_gives_no_negative_gap(named: Named, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(named, path, 4)
    monkeypatch.setattr(agent.time, "time", lambda: 0.0)
    assert resumed(named, path).interruptions == [{"after_round": 4, "gap_s": 0.0}]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_last_line_cut_short_costs_its_round_only(named: Named, path: Path, cut: int) -> None:
    interrupted(named, path, 4)
    path.write_bytes(path.read_bytes()[:-cut])
    record = resumed(named, path)
    assert record.interruptions[0]["after_round"] == 3
    assert len(lines(path)) == 1 + len(record.samples_ms)


ROUND = {
    "at": 1, "samples_ms": [1.0, 2.0], "turns": [], "runs": [8, 8], "sentinels": [], "spent_s": [1, 1], "seconds": 1,
    "interruptions": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        b"not JSON",
        b"[]",
        b"{}",
        json.dumps(ROUND | {"samples_ms": [1.0]}).encode(),
        json.dumps(ROUND | {"samples_ms": [1.0, float("nan")]}).encode(),
        json.dumps(ROUND | {"samples_ms": [1.0, -1.0]}).encode(),
        json.dumps(ROUND | {"samples_ms": ["x", 1.0]}).encode(),
        json.dumps(ROUND | {"runs": [8]}).encode(),
        json.dumps(ROUND | {"runs": 8}).encode(),
        json.dumps(ROUND | {"turns": 7}).encode(),
        json.dumps({name: value for name, value in ROUND.items() if name != "at"}).encode(),
        json.dumps(ROUND | {"at": "noon"}).encode(),
    ],
)
def test_what_is_no_round_ends_the_journal(named: Named, path: Path, wrong: bytes) -> None:
    interrupted(named, path, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + wrong + b"\n" + whole.splitlines(keepends=True)[-1])
    record = resumed(named, path)
    assert record.interruptions[0]["after_round"] == 3
    assert path.read_bytes().startswith(whole)
    assert len(lines(path)) == 1 + len(record.samples_ms)


@pytest.mark.parametrize(
    "other",
    [
        HEADER | {"plan_sha256": "b" * 64},
        HEADER | {"threads": 2},
        HEADER | {"machine": {"processor": "Cortex-A53"}},
    ],
)
def test_rounds_of_something_else_are_put_aside(
    named: Named, path: Path, other: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(named, path, 3, other)
    before = path.read_bytes()
    record = resumed(named, path)
    assert record.interruptions == []
    assert path.with_name("result.json.journal.old").read_bytes() == before
    assert "is of another plan, machine or other options" in capsys.readouterr().err


def test_what_was_put_aside_is_never_overwritten(named: Named, path: Path) -> None:
    contents = [b"first", b"second", b"third"]
    for content in contents:
        path.write_bytes(content)
        resumed(named, path)
        path.unlink()
    asides = [path.with_name(f"result.json.journal.old{number}") for number in ("", "1", "2")]
    assert [aside.read_bytes() for aside in asides] == contents


def test_a_reboot_makes_no_other_machine(plan: MeasurementPlan, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = agent.describe_machine()
    options = agent.Options(budget_s=0.001)
    agent.measure_plan(write_plan(plan), options, None, path)
    after = {"memory_bytes": 3884356 * 1024, "frequency_mhz": 1499.0, "frequency_now_mhz": 600.1, "governor": "x"}
    monkeypatch.setattr(agent, "describe_machine", lambda: machine | after)
    result = agent.measure_plan(write_plan(plan), options, None, path)
    assert [gap["after_round"] for gap in result["interruptions"]] == [agent.FEWEST_ROUNDS]
    assert not path.with_name("result.json.journal.old").exists()


@pytest.mark.parametrize("change", [{"processor": "another"}, {"cores": 99}, {"os": "another"}])
def test_another_machine_is_one(
    plan: MeasurementPlan, path: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = agent.describe_machine()
    options = agent.Options(budget_s=0.001)
    agent.measure_plan(write_plan(plan), options, None, path)
    monkeypatch.setattr(agent, "describe_machine", lambda: machine | change)
    assert agent.measure_plan(write_plan(plan), options, None, path)["interruptions"] == []
    assert path.with_name("result.json.journal.old").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"hello", b"hello\n", b"\xff\xfe\n"])
def test_a_file_that_is_no_journal_is_put_aside(named: Named, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert len(resumed(named, path).samples_ms) == agent.FEWEST_ROUNDS
    assert path.with_name("result.json.journal.old").read_bytes() == content


def test_an_interruption_before_the_first_round_leaves_no_journal(named: Named, path: Path) -> None:
    interrupted(named, path, 0)
    assert not path.exists()


def test_the_order_within_a_round_is_the_same_after_an_interruption(
    make_onnx: Callable[..., bytes], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [(str(number), make_onnx(2)) for number in range(6)]
    orders: list[str] = []
    sample = agent._Model.sample
    monkeypatch.setattr(agent._Model, "sample", lambda self, threads: orders.append(self.name) or sample(self, threads))
    options = agent.Options(budget_s=0.001)
    agent._time_all(named, options, sentinels=0)
    straight = orders[12:]
    orders.clear()
    journal = agent._Journal(path, HEADER)

    def stop(done: int, total: int, left_s: float) -> None:
        if done == 6 * 3 + 2:
            raise StopError

    with pytest.raises(StopError):
        agent._time_all(named, agent.Options(budget_s=60), stop, journal, 0)
    orders.clear()
    agent._time_all(named, options, None, journal, 0)
    assert orders == straight


def test_ctrl_c_and_sigterm_keep_the_rounds_and_say_how_to_go_on(plan: MeasurementPlan, tmp_path: Path) -> None:
    (tmp_path / "plan.zip").write_bytes(write_plan(plan))
    base = [sys.executable, agent.__file__, "--plan", "plan.zip", "--out", "r.json"]
    journal = tmp_path / "r.json.journal"
    with subprocess.Popen([*base, "--budget-s", "3000"], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 60
        while time.monotonic() < until and not (journal.exists() and journal.read_bytes().count(b"\n") > 2):
            time.sleep(0.02)
        running.terminate()
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Its rounds are kept in r.json.journal: the same command continues." in errors
    again = subprocess.run([*base, "--budget-s", "0.01"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Continuing after round" in again.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["interruptions"]
    assert not journal.exists()
