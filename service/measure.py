"""Measuring this machine: plan, agent, estimate, table file. Called by `lutnas measure` and `lutnas demo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from latency_tables import LatencyTable, MeasurementError, MeasureOptions, measure_plan
from search import Space
from service.catalogue import SpaceEntry
from service.device_name import check_device_name
from service.device_report import harmless
from service.errors import RequestError
from service.measurement_upload import table_of_measurement
from service.progress import seconds_left, showing
from service.resources import load_shelf, load_space_entry
from service.storage.data_folder import make_writable
from service.table_shelf import TableShelf
from service.table_warnings import table_warnings

LOCAL_DEVICE = "local-cpu"
_MOST_FAULTS = 20


def measure_device(space: str, device: str, options: MeasureOptions, tables_dir: Path, console: Console) -> Path:
    """Measure this machine for a space and write `<tables_dir>/<device>/<space>.json`; a running server sees it.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        DataFolderError: nothing can be written there; known before the measurement, which takes a while.
        UnknownSpaceError: no such space.
        MeasurementError: onnxruntime cannot run a model, the clock is broken, or the times make no table.
        StorageError: the table cannot be written now.
    """
    check_device_name(device)
    entry = load_space_entry(space, tables_dir)
    packed = entry.plans.get()
    shelf = load_shelf(tables_dir)
    make_writable(shelf.path(device, space).parent)
    _tell(
        f"Measuring {device} for {space}: {len(packed.plan.entries)} models, {options.threads} thread(s)."
        " Other programs disturb it.",
        console,
    )
    with showing(console) as bars:
        result = measure_plan(
            packed.content,
            options,
            lambda done, total, left: bars.show("Measuring", done / total, seconds_left(left)),
        )
    with console.status("Estimating operator costs ..."):
        table = checked_table(result, "this machine", device, entry)
    return store_table(table, result, entry.space, shelf, console)


def checked_table(
    content: Mapping[str, Any], where: str, device: str, entry: SpaceEntry, known: Sequence[LatencyTable] = ()
) -> LatencyTable:
    """The table of a measurement `content` from `where`, by the checks of `PUT /v1/devices/{device}/tables/{space}`.

    Raises:
        MeasurementError: with up to 20 faults.
    """
    try:
        return table_of_measurement(content, device, entry, known)
    except RequestError as error:
        listed = [f"{fault.pointer}: {fault.detail}" for fault in error.faults[:_MOST_FAULTS]]
        more = len(error.faults) - len(listed)
        reason = " ".join([*listed, *([f"And {more} more."] if more else [])])
        raise MeasurementError(where, reason) from error


def store_table(
    table: LatencyTable, content: Mapping[str, Any], space: Space, shelf: TableShelf, console: Console
) -> Path:
    """Publish a table and print its source, its honesty and the warnings of its measurement `content`; its path.

    Raises:
        DataFolderError, StorageError: it cannot be written; the table before it stays.
    """
    path = shelf.path(table.device, table.space)
    make_writable(path.parent)
    published = shelf.publish(table)
    found = {warning["code"]: warning["detail"] for warning in table_warnings(table, space, None, published.before)}
    # The agent's own words tell of drift, with more figures.
    for line in [*describe(table), *(f"Warning: {words}" for words in [*content["warnings"], *found.values()])]:
        _tell(line, console)
    return path


def describe(table: LatencyTable) -> list[str]:
    """A table's source and honesty figures in words."""
    source, honesty = table.provenance, table.honesty
    runtime = f"{source.runtime} {source.runtime_version}, {source.threads} thread(s)"
    lines = [f"{table.device}: {source.processor}, {runtime}, {len(table.operator_ms)} operators."]
    if honesty is not None:
        lines.append(
            f"On {honesty.networks} networks that a fit did not see: mean error {honesty.mape:.1%}, "
            f"{honesty.within_10:.0%} within 10 % (half of the rounds against the other half: "
            f"{honesty.repeatability_mape:.1%} and {honesty.repeatability_within_10:.0%})."
        )
    return lines


def _tell(line: str, console: Console) -> None:
    """Print a line that may hold strangers' texts: no markup, nothing that steers the terminal."""
    console.print(harmless(line), soft_wrap=True, highlight=False, markup=False)
