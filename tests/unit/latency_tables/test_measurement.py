"""A result of the agent is taken only whole, plausible and of the plan that it names."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_tables import (
    MeasurementError,
    MeasurementPlan,
    MeasureOptions,
    PlanEntry,
    PlanRecipe,
    measure_plan,
    read_measurement,
    recipe_of,
    write_plan,
)
from latency_tables.measurement import check_measurement

ResultFor = Callable[[MeasurementPlan, dict[str, float]], dict[str, Any]]
TIMES_MS = {"conv-4": 1.0, "conv-8": 2.0, "conv-16": 4.0}


@pytest.fixture
def result(plan: MeasurementPlan, result_for: ResultFor) -> dict[str, Any]:
    return result_for(plan, TIMES_MS)


def changed(result: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one place set to a value, or left out where the value is `...`."""
    whole = copy.deepcopy(result)
    *parents, last = path.split("/")
    place: Any = whole
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return whole


def test_what_the_agent_measured_is_taken(plan: MeasurementPlan) -> None:
    result = measure_plan(write_plan(plan), MeasureOptions(budget_s=0.05))
    measurement = check_measurement(json.loads(json.dumps(result)), plan)
    assert measurement.entries["conv-4"].ms == result["entries"]["conv-4"]["ms"]
    assert measurement.machine.emulated is False
    assert measurement.drift is not None
    assert measurement.rounds == result["rounds"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "lutnas-measurement/1"),
        ("plan_sha256", "A" * 64),
        ("plan_sha256", "a" * 63),
        ("plan_recipe", "full"),
        ("plan_recipe", {"kind": "half", "networks": 3}),
        ("plan_recipe", {"kind": "full", "networks": -1}),
        ("plan_recipe", {"kind": "full", "networks": 1e3}),
        ("plan_recipe", {"kind": "full", "networks": 3, "seed": 1}),
        ("space", ""),
        ("threads", 0),
        ("threads", 257),
        ("threads", 1.0),
        ("threads", True),
        ("batch", 0),
        ("rounds", 0),
        ("runtime", "x" * 501),
        ("date", "yesterday"),
        ("date", "2026-13-01"),
        ("seconds", -1.0),
        ("seconds", float("inf")),
        ("stopped_early", "no"),
        ("stopped_early", ...),
        ("interruptions", [{"after_round": 0, "gap_s": 1.0}]),
        ("interruptions", [{"after_round": 1, "gap_s": float("nan")}]),
        ("interruptions", {}),
        ("drift", {}),
        ("drift", {"sentinels": ["a"], "turns": 9, "thirds": [1.0, 1.1], "slow_down": 0.1}),
        ("drift", {"sentinels": ["a"], "turns": 9, "thirds": [0.9, 1.0, 1.1], "slow_down": 0.1}),
        ("drift", {"sentinels": ["a"], "turns": 9, "thirds": [1.0, 1.0, 1.1], "slow_down": -0.1}),
        ("warnings", "hot"),
        ("warnings", [""]),
        ("warnings", ["x"] * 21),
        ("machine/emulated", ...),
        ("machine/emulated", 0),
        ("machine/processor", None),
        ("machine/cores", 0),
        ("machine/features", "avx2"),
        ("machine/frequency_mhz", 0.0),
        ("entries", {}),
        ("entries/conv-4", {}),
        ("entries/conv-4/ms", 0.0),
        ("entries/conv-4/ms", -1.0),
        ("entries/conv-4/ms", float("nan")),
        ("entries/conv-4/ms", "1.0"),
        ("entries/conv-4/ms", 600_001.0),
        ("entries/conv-4/first_half_ms", ...),
        ("entries/conv-4/second_half_ms", 0.0),
        ("entries/conv-4/seconds", -0.1),
        ("entries/conv-4/seconds", ...),
        ("entries/conv-4/rounds", 0),
        ("entries/conv-4/surplus", 1),
    ],
)
def test_a_fault_is_told_with_its_place(
    path: str, value: object, plan: MeasurementPlan, result: dict[str, Any]
) -> None:
    with pytest.raises(MeasurementError) as refused:
        check_measurement(changed(result, path, value), plan)
    assert path.split("/", maxsplit=1)[0] in str(refused.value)
    assert len(str(refused.value)) < 3000


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("machine/board", "Raspberry Pi 4"),
        ("machine/cores", None),
        ("machine/a_later_field", [1, 2]),
        ("machine/emulation", "qemu-user"),
        ("interruptions", [{"after_round": 3, "gap_s": 4000.5}]),
        ("plan_recipe", None),
        ("drift", {"sentinels": ["a"], "turns": 9, "thirds": [1.0, 1.0, 1.1], "slow_down": 0.1}),
        ("warnings", ["hot"]),
        ("threads", 4),
    ],
)
def test_what_may_vary_is_taken(path: str, value: object, plan: MeasurementPlan, result: dict[str, Any]) -> None:
    check_measurement(changed(result, path, value), plan)


@pytest.mark.parametrize("ms", [0.9, 1.01, 1.02])
def test_a_time_that_is_not_the_faster_half_is_refused(
    ms: float, plan: MeasurementPlan, result: dict[str, Any]
) -> None:
    with pytest.raises(MeasurementError, match="ms must be the smaller one of"):
        check_measurement(changed(result, "entries/conv-4/ms", ms), plan)


def test_many_faults_are_told_at_once_but_not_all_of_a_hundred(
    make_onnx: Callable[..., bytes], plan: MeasurementPlan, result_for: ResultFor
) -> None:
    entries = tuple(
        PlanEntry(f"e-{number:03d}", plan.entries[0].operator_keys, make_onnx(2), "operator") for number in range(100)
    )
    many = MeasurementPlan("tiny", entries)
    with pytest.raises(MeasurementError) as refused:
        check_measurement(result_for(many, {entry.name: -1.0 for entry in entries}), many)
    assert str(refused.value).count("entries.e-") == 20


def test_the_recipe_tells_which_plan_was_measured(result: dict[str, Any]) -> None:
    assert recipe_of(result) is None
    recipe = {"kind": "few-shot", "networks": 20}
    assert recipe_of(result | {"plan_recipe": recipe}) == PlanRecipe("few-shot", 20)


@pytest.mark.parametrize("recipe", [7, "full", [], {}, {"kind": "full"}, {"kind": "full", "networks": "20"}])
def test_what_is_no_recipe_is_refused(recipe: object, result: dict[str, Any]) -> None:
    with pytest.raises(MeasurementError, match=r"plan_recipe"):
        recipe_of(result | {"plan_recipe": recipe})


def test_a_recipe_goes_through_plan_and_result(plan: MeasurementPlan) -> None:
    named = MeasurementPlan("tiny", plan.entries, PlanRecipe("full", 1))
    result = measure_plan(write_plan(named), MeasureOptions(budget_s=0.01))
    assert result["plan_recipe"] == {"kind": "full", "networks": 1}
    check_measurement(result, named)
    with pytest.raises(MeasurementError, match="Measure the present plan again"):
        check_measurement(result, plan)


def test_the_file_of_a_result_is_read(tmp_path: Path, result: dict[str, Any]) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    assert read_measurement(path) == result


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b" " * (4 * 2**20 + 1)])
def test_a_file_that_is_no_result_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(MeasurementError, match=r"result\.json.*agent\.py --out"):
        read_measurement(tmp_path / "result.json")
