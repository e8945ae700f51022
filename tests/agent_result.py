"""What the agent would write: its document, and that of a device `scale` times as slow as the made-up test board."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from latency_tables import MeasurementPlan, write_plan
from tests.service_world import board_table

Result = dict[str, Any]


def result_of(plan: MeasurementPlan, scale: float = 2.0) -> Result:
    """What the agent would say of a device `scale` times as slow as the test board."""
    table, rng = board_table(), np.random.default_rng(0)
    entries = {}
    for entry in plan.entries:
        halves = scale * table.total_ms(entry.operator_keys) * rng.uniform(1.0, 1.02, 2)
        entries[entry.name] = {
            "ms": float(halves.min()),
            "first_half_ms": float(halves[0]),
            "second_half_ms": float(halves[1]),
            "rounds": 20,
            "runs": 3,
            "seconds": 0.5,
        }
    machine = {
        "processor": "Cortex-A76", "board": None, "architecture": "aarch64", "cores": 4, "features": ["asimd"],
        "frequency_mhz": 2400.0, "governor": "performance", "os": "Linux 6", "emulated": False, "emulation": None,
    }  # fmt: skip
    return result_document(plan, entries, machine)


def result_document(plan: MeasurementPlan, entries: Mapping[str, Any], machine: Mapping[str, Any]) -> Result:
    """The agent's document of a plan, with these times and of this machine."""
    return {
        "format": "lutnas-measurement/2",
        "plan_sha256": hashlib.sha256(write_plan(plan)).hexdigest(),
        "plan_recipe": None if plan.recipe is None else dataclasses.asdict(plan.recipe),
        "space": plan.space,
        "machine": machine,
        "runtime": "onnxruntime",
        "runtime_version": "1.32.0",
        "threads": 1,
        "batch": 1,
        "precision": "float32",
        "rounds": 20,
        "statistic": "fastest",
        "date": "2026-11-22T10:00:00+00:00",
        "seconds": 3.0,
        "stopped_early": False,
        "interruptions": [],
        "drift": None,
        "warnings": [],
        "entries": entries,
    }
