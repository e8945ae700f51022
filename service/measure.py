"""Measuring this machine: plan, agent, estimate, table file. Called by `lutnas measure` and `lutnas demo`."""

from __future__ import annotations

import re
from pathlib import Path

from rich.console import Console

from latency_tables import (
    LatencyTable,
    MeasureOptions,
    estimate_table,
    measure_plan,
    write_plan,
    write_table,
)
from search import load_space, measurement_plan
from service.errors import DeviceNameError
from service.progress import seconds_left, showing
from service.storage.data_folder import make_writable

LOCAL_DEVICE = "local-cpu"
_DEVICE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def measure_device(space: str, device: str, options: MeasureOptions, tables_dir: Path, console: Console) -> Path:
    """Measure this machine for a space and write `<tables_dir>/<device>/<space>.json`; a running server sees it.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        DataFolderError: nothing can be written there; known before the measurement, which takes a while.
        UnknownSpaceError: no such space.
        MeasurementError: onnxruntime cannot run a model, or the clock is broken.
    """
    check_device_name(device)
    plan = measurement_plan(load_space(space))
    make_writable(tables_dir / device)
    console.print(
        f"Measuring {device} for {space}: {len(plan.entries)} models, {options.threads} thread(s)."
        " Other programs disturb it.",
        soft_wrap=True,
    )
    with showing(console) as bars:
        result = measure_plan(
            write_plan(plan),
            options,
            lambda done, total, left: bars.show("Measuring", done / total, seconds_left(left)),
        )
    with console.status("Estimating operator costs ..."):
        table = estimate_table(device, plan, result)
    for warning in result["warnings"]:
        console.print(f"Warning: {warning}", soft_wrap=True, highlight=False)
    return store_table(table, tables_dir, console)


def check_device_name(device: str) -> None:
    """Raises DeviceNameError where a device's name is no safe file name."""
    if not _DEVICE.fullmatch(device):
        raise DeviceNameError(device)


def store_table(table: LatencyTable, tables_dir: Path, console: Console) -> Path:
    """Write `<tables_dir>/<device>/<space>.json`, whose folder exists; print its source and honesty; the path."""
    path = tables_dir / table.device / f"{table.space}.json"
    write_table(table, path)
    for line in describe(table):
        console.print(line, soft_wrap=True, highlight=False)
    return path


def describe(table: LatencyTable) -> list[str]:
    """A table's source and honesty figures in words."""
    source, honesty = table.provenance, table.honesty
    runtime = f"{source.runtime} {source.runtime_version}, {source.threads} thread(s)"
    lines = [f"{table.device}: {source.processor}, {runtime}, {len(table.operator_ms)} operators."]
    if honesty is not None:
        lines.append(
            f"On {honesty.networks} networks that were not used to fit it: mean error {honesty.mape:.1%}, "
            f"{honesty.within_10:.0%} within 10 % (measuring the same networks again: {honesty.repeatability_mape:.1%} "
            f"and {honesty.repeatability_within_10:.0%})."
        )
    return lines
