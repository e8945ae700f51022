"""The table of this machine against whole networks that it was not fitted to, and against measuring these again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from latency_tables import (
    HELD_OUT,
    Honesty,
    MeasurementPlan,
    MeasureOptions,
    estimate_table,
    kendall_tau,
    measure_plan,
    shipped_tables,
    write_plan,
)
from search import load_space, measurement_plan

SPACE = "fbnet-cifar10"

FEW = (10, 20, 30)


def host_table(threads: int, budget_s: float, on_progress: Callable[[str, int, int, float], None]) -> dict[str, Any]:
    """Measure, estimate, measure the held-out networks again; all figures of one run.

    `seconds_for_the_table` counts opening and timing the models that the table is made from, and the estimate; the
    networks that judge it are not part of it.
    """
    plan = measurement_plan(load_space(SPACE))
    judges = [entry.name for entry in plan.entries if entry.role == "network"][-HELD_OUT:]
    options = partial(MeasureOptions, threads=threads, early_stop=False)
    first = measure_plan(write_plan(plan), options(budget_s=budget_s), partial(on_progress, "measuring"))
    started = time.perf_counter()
    table = estimate_table("local-cpu", plan, first, judges)
    estimating_s = time.perf_counter() - started
    again_plan = MeasurementPlan(plan.space, tuple(entry for entry in plan.entries if entry.name in judges))
    again_s = sum(first["entries"][name]["seconds"] for name in judges)
    again = measure_plan(
        write_plan(again_plan), options(budget_s=again_s, seed=1), partial(on_progress, "measuring again")
    )
    if table.honesty is None:
        raise SystemExit("The plan holds no networks to judge the table with.")
    made_of = sum(entry["seconds"] for name, entry in first["entries"].items() if name not in judges)
    return {
        "processor": table.provenance.processor,
        "runtime": f"{table.provenance.runtime} {table.provenance.runtime_version}",
        "threads": threads,
        "operators": len(table.operator_ms),
        "networks_fitted": sum(entry.role == "network" for entry in plan.entries) - len(judges),
        "neighbour_terms": len(table.neighbour_ms),
        "rounds": [first["rounds"], again["rounds"]],
        "drift": first["drift"],
        "seconds_for_the_table": round(made_of + estimating_s, 1),
        "estimating_s": round(estimating_s, 2),
        **_against_repeat(table.honesty, [again["entries"][name]["ms"] for name in judges]),
        "few_shot": {str(count): _few_shot(plan, first, judges, count) for count in FEW},
    }


def _few_shot(plan: MeasurementPlan, first: Mapping[str, Any], judges: list[str], count: int) -> dict[str, Any]:
    """The same machine as a new device: `count` of the fitted networks, and the shipped tables as known devices."""
    networks = [entry for entry in plan.entries if entry.role == "network"]
    few = MeasurementPlan(plan.space, tuple(entry for entry in networks if entry.name not in judges)[:count])
    entries = {entry.name: first["entries"][entry.name] for entry in few.entries}
    sha256 = hashlib.sha256(write_plan(few)).hexdigest()
    result = {**first, "plan_sha256": sha256, "plan_recipe": None, "drift": None, "entries": entries}
    known = [table for (_, space), table in shipped_tables().items() if space == plan.space]
    table = estimate_table("local-cpu", few, result, known=known)
    judging = [entry for entry in networks if entry.name in judges]
    measured = np.array([first["entries"][entry.name]["ms"] for entry in judging])
    predicted = np.array([table.total_ms(entry.operator_keys) for entry in judging])
    counts = np.array([[entry.operator_keys.count(key) for key in table.operators] for entry in judging])
    half_width = table.half_width_ms(counts, predicted)
    off = np.abs(predicted - measured)
    return {
        "known": [device.device for device in known],
        "within_5": float(np.mean(off <= 0.05 * measured)),
        "within_10": float(np.mean(off <= 0.10 * measured)),
        "mape": float(np.mean(off / measured)),
        "kendall_tau": kendall_tau(predicted, measured),
        "coverage_90": None if half_width is None else float(np.mean(off <= half_width)),
    }


def _against_repeat(honesty: Honesty, again_ms: list[float]) -> dict[str, Any]:
    measured, second = np.array(honesty.measured_ms), np.array(again_ms)
    repeat = np.abs(second - measured) / measured
    repeat_mape, repeat_tau = float(repeat.mean()), kendall_tau(measured, second)
    return {
        "held_out": len(measured),
        "within_5": honesty.within_5,
        "within_10": honesty.within_10,
        "mape": honesty.mape,
        "kendall_tau": honesty.kendall_tau,
        "coverage_90": honesty.interval_coverage,
        "halves_mape": honesty.repeatability_mape,
        "repeat_within_5": float(np.mean(repeat <= 0.05)),
        "repeat_within_10": float(np.mean(repeat <= 0.10)),
        "repeat_mape": repeat_mape,
        "repeat_kendall_tau": repeat_tau,
        "mape_over_repeat_mape": honesty.mape / repeat_mape,
        "tau_below_repeat_tau": (repeat_tau or 0.0) - (honesty.kendall_tau or 0.0),
    }
