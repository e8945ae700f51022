"""Is a table of this machine? What differs is said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from latency_tables import MeasurementPlan, Provenance, differences_from, estimate_table, shipped_tables
from latency_tables.agent import describe_machine

MACHINE = {"processor": "Fast CPU", "board": None, "cores": 4}
TABLE = Provenance(
    device="local-cpu",
    processor="Fast CPU",
    runtime="onnxruntime",
    runtime_version="1.2.3",
    threads=2,
    batch=1,
    precision="float32",
    runs=8,
    statistic="fastest",
    date="2026-11-22",
    source="here",
    kind="measured",
    notes="Linux, x86_64, 4 cores, frequency unknown",
)


def differences(**changes: Any) -> tuple[str, ...]:
    return differences_from(replace(TABLE, **changes), MACHINE, "1.2.3")


def test_a_table_of_this_machine_does_not_differ() -> None:
    assert differences() == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processor": "Slow CPU"}, "the table is of 'Slow CPU', this machine has 'Fast CPU'"),
        ({"notes": "Linux, 16 cores"}, "16 cores, this machine has 4"),
        ({"runtime_version": "1.2.4"}, "onnxruntime 1.2.4, here is onnxruntime 1.2.3"),
        ({"runtime": "tflite"}, "measured with tflite 1.2.3"),
        ({"threads": None}, "does not tell its number of threads"),
        ({"emulated": True}, "on an emulated processor"),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], words: str) -> None:
    (found,) = differences(**change)
    assert words in found


def test_everything_that_differs_is_named_at_once() -> None:
    assert len(differences(processor="x", runtime_version="0", threads=None, emulated=True)) == 4


def test_cores_count_only_where_the_table_tells_them() -> None:
    assert differences(notes="nothing known") == ()


def test_a_board_is_part_of_the_processors_name() -> None:
    board = MACHINE | {"board": "Board 5"}
    assert differences_from(replace(TABLE, processor="Board 5 (Fast CPU)"), board, "1.2.3") == ()
    assert differences_from(TABLE, board, "1.2.3") != ()


def test_an_emulated_machine_is_no_machine_to_measure_on() -> None:
    (found,) = differences_from(TABLE, MACHINE | {"emulated": "qemu"}, "1.2.3")
    assert "this machine's processor is emulated" in found


def test_shipped_tables_are_of_other_machines() -> None:
    assert all(differences_from(table.provenance) for table in shipped_tables().values())


def test_a_table_estimated_from_a_measurement_of_this_machine_is_of_this_machine(
    plan: MeasurementPlan, result_for: Callable[..., dict[str, Any]]
) -> None:
    """The estimate writes what is compared here, the number of cores among its notes."""
    operators = MeasurementPlan(plan.space, tuple(entry for entry in plan.entries if entry.role == "operator"))
    result = result_for(operators, {"conv-4": 1.0, "conv-8": 2.0})
    here = {"machine": describe_machine(), "runtime_version": version("onnxruntime")}
    table = estimate_table("local-cpu", operators, result | here)
    assert differences_from(table.provenance) == ()
    assert "4096" in differences_from(table.provenance, describe_machine() | {"cores": 4096})[0]
