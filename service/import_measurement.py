"""A result of the agent from another device: checked, estimated, stored as a table. Called by `lutnas measure`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from latency_tables import LatencyTable, estimate_table, read_measurement, recipe_of
from search import load_space, measurement_plan, plan_of
from service.measure import check_device_name, store_table
from service.resources import load_shelf
from service.storage.data_folder import make_writable


def import_measurement(space: str, device: str, result: Path, tables_dir: Path, console: Console) -> Path:
    """Write `<tables_dir>/<device>/<space>.json` from what `agent.py --out` wrote; a running server sees it.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        DataFolderError: nothing can be written there.
        UnknownSpaceError: no such space.
        MeasurementError: the file cannot be read, is no result, or is of another plan than the space's present one;
            or it is of networks alone, and no other device has a table for the space.
    """
    check_device_name(device)
    searched = load_space(space)
    measured = read_measurement(result)
    recipe = recipe_of(measured)
    plan = measurement_plan(searched) if recipe is None else plan_of(searched, recipe)
    with console.status("Estimating operator costs ..."):
        table = estimate_table(device, plan, measured, known=_other_devices(device, space, tables_dir))
    make_writable(tables_dir / device)
    return store_table(table, tables_dir, console)


def _other_devices(device: str, space: str, tables_dir: Path) -> list[LatencyTable]:
    """Tables that say how real devices divide their time among the operators of a space."""
    tables = load_shelf(tables_dir).tables().items()
    real = {name: table for (name, made_for), table in tables if made_for == space and not table.provenance.emulated}
    return [table for name, table in real.items() if name != device]
