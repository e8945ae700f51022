"""A result of the agent from another device: checked, estimated, stored as a table. Called by `lutnas measure`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from latency_tables import estimate_table, read_measurement
from search import load_space, measurement_plan
from service.measure import check_device_name, store_table
from service.storage.data_folder import make_writable


def import_measurement(space: str, device: str, result: Path, tables_dir: Path, console: Console) -> Path:
    """Write `<tables_dir>/<device>/<space>.json` from what `agent.py --out` wrote; a running server sees it.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        DataFolderError: nothing can be written there.
        UnknownSpaceError: no such space.
        MeasurementError: the file cannot be read, is no result, or is of another plan than the space's present one.
    """
    check_device_name(device)
    plan = measurement_plan(load_space(space))
    measured = read_measurement(result)
    with console.status("Estimating operator costs ..."):
        table = estimate_table(device, plan, measured)
    make_writable(tables_dir / device)
    return store_table(table, tables_dir, console)
