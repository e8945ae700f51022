"""`python -m benchmarks.latency host`: its figures from measurements that are made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import host_table
from latency_tables import (
    LatencyTable,
    MeasurementPlan,
    OperatorKey,
    PlanEntry,
    Provenance,
    read_plan,
)
from search import load_space, measurement_plan
from tests.agent_result import result_document


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> MeasurementPlan:
    plan = measurement_plan(load_space("tiny-cifar10"), networks=40)
    monkeypatch.setattr(host_table, "measurement_plan", lambda space: plan)
    monkeypatch.setattr(host_table, "HELD_OUT", 20)
    monkeypatch.setattr(host_table, "FEW", (8,))
    monkeypatch.setattr(host_table, "shipped_tables", lambda: {("known", plan.space): known_table(plan)})
    return plan


def known_table(plan: MeasurementPlan) -> LatencyTable:
    """Half as fast as `measured` says, whatever the operator."""
    keys = {key for entry in plan.entries for key in entry.operator_keys}
    provenance = Provenance(
        "known", "made up", "none", "0", 1, 1, "float32", 1, "none", "2026-11-22", "tests", "published"
    )
    return LatencyTable("known", plan.space, 0.02, frozenset(), {key: 2 * cost_ms(key) for key in keys}, provenance)


def cost_ms(key: OperatorKey) -> float:
    return float(np.prod(key.out_shape)) * dict(key.attributes).get("kernel", 1) / 1e5


def measured(plan: MeasurementPlan, noise: float, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def entry(item: PlanEntry) -> dict[str, Any]:
        total_ms = sum(map(cost_ms, item.operator_keys))
        halves = 0.01 + total_ms * np.exp(noise * rng.standard_normal(2))
        ms = float(halves.min())
        return {
            "ms": ms, "first_half_ms": float(halves[0]), "second_half_ms": float(halves[1]),
            "rounds": 20, "runs": 8, "seconds": 0.25,
        }  # fmt: skip

    return {"entries": {item.name: entry(item) for item in plan.entries}, "rounds": 20, "drift": None}


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch, small: MeasurementPlan, result_for_host: Any) -> list[MeasurementPlan]:
    """Stands for the agent; returns the plans it was given."""
    plans: list[MeasurementPlan] = []

    def measure_plan(content: bytes, options: Any, on_progress: Any) -> dict[str, Any]:
        plans.append(read_plan(content))
        assert options.early_stop is False
        on_progress(1, 1, 0.0)
        return result_for_host(plans[-1], measured(plans[-1], 0.005, len(plans)))

    monkeypatch.setattr(host_table, "measure_plan", measure_plan)
    return plans


@pytest.fixture
def result_for_host() -> Any:
    def result(plan: MeasurementPlan, part: dict[str, Any]) -> dict[str, Any]:
        machine = {
            "processor": "made up", "board": None, "architecture": "x86_64", "cores": 2, "features": [],
            "frequency_mhz": None, "governor": None, "os": "Linux", "python": "3", "emulated": False, "emulation": None,
        }  # fmt: skip
        return result_document(plan, part["entries"], machine) | part

    return result


def test_held_out_networks_are_measured_twice_and_judge(measure: list[MeasurementPlan], small: MeasurementPlan) -> None:
    figures = host_table.host_table(1, 10.0, lambda *progress: None)
    full, again = measure
    assert full == small
    judges = {entry.name for entry in again.entries}
    assert judges == {entry.name for entry in small.entries if entry.role == "network"} - fitted(small)
    assert figures["held_out"] == 20
    assert figures["networks_fitted"] == 20
    assert 0 < figures["repeat_mape"] < 0.02
    assert figures["mape_over_repeat_mape"] == pytest.approx(figures["mape"] / figures["repeat_mape"])
    few = figures["few_shot"]["8"]
    assert (few["known"], few["within_10"]) == (["known"], 1.0)
    assert few["mape"] < 0.02
    assert figures["tau_below_repeat_tau"] == pytest.approx(figures["repeat_kendall_tau"] - figures["kendall_tau"])


def fitted(plan: MeasurementPlan) -> set[str]:
    return {entry.name for entry in plan.entries if entry.role == "network"} & {
        f"network-{number:03d}" for number in range(20)
    }


def test_judging_networks_are_no_part_of_the_tables_time(
    measure: list[MeasurementPlan], small: MeasurementPlan
) -> None:
    figures = host_table.host_table(1, 10.0, lambda *progress: None)
    made_of = 0.25 * (len(small.entries) - 20)
    assert made_of <= figures["seconds_for_the_table"] < made_of + 20
