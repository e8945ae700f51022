"""A result of the agent from another device: checked, estimated, stored as a table. Called by `lutnas measure`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from latency_tables import read_measurement
from service.device_name import check_device_name
from service.measure import checked_table, store_table
from service.resources import load_shelf, load_space_entry


def import_measurement(space: str, device: str, result: Path, tables_dir: Path, console: Console) -> Path:
    """Write `<tables_dir>/<device>/<space>.json` from what `agent.py --out` wrote; a running server sees it.

    Raises:
        DeviceNameError: the device's name is no safe file name.
        DataFolderError, StorageError: nothing can be written there.
        UnknownSpaceError: no such space.
        MeasurementError: the file cannot be read, is no result, is of another plan than the space's present one, or
            has times that no device has; or it is of networks alone, and no other device has a table for the space.
    """
    check_device_name(device)
    entry = load_space_entry(space, tables_dir)
    content = read_measurement(result)
    shelf = load_shelf(tables_dir)
    with console.status("Estimating operator costs ..."):
        table = checked_table(content, str(result), device, entry, shelf.others(device, space))
    return store_table(table, content, entry.space, shelf, console)
