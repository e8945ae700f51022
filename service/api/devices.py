"""GET /v1/devices and one device: where its latency tables come from, and how well they hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from latency_tables import LatencyTable
from service.api.dependencies import DeviceName, ServicesDep
from service.api.device_schemas import DeviceAnswer, DeviceList
from service.api.json_body import StrictRoute
from service.errors import NotFoundError
from service.table_shelf import TableShelf

router = APIRouter(prefix="/v1/devices", tags=["devices"], route_class=StrictRoute)


@router.get("", response_model=DeviceList, summary="List the devices")
def list_devices(services: ServicesDep) -> dict[str, Any]:
    """Every device with its tables; tables that `lutnas measure` writes while the server runs appear at once."""
    shelf = services.catalogue.shelf
    names = sorted({device for device, _ in shelf.tables()})
    damaged = [{"file": "/".join(Path(fault.path).parts[-2:]), "reason": fault.reason} for fault in shelf.damaged()]
    return {
        "devices": [_device(shelf, name, services.catalogue.tables_of(name)) for name in names],
        "damaged_tables": damaged,
    }


@router.get("/{device}", response_model=DeviceAnswer, summary="Describe one device")
def get_device(device: DeviceName, services: ServicesDep) -> dict[str, Any]:
    """The tables of a device, each with its provenance and its figures on networks that were not used to make it."""
    tables = services.catalogue.tables_of(device)
    if not tables:
        known = ", ".join(sorted({name for name, _ in services.catalogue.shelf.tables()}))
        raise NotFoundError("device", f"Known devices: {known or 'none'}. `lutnas measure` adds this machine.")
    return _device(services.catalogue.shelf, device, tables)


def _device(shelf: TableShelf, name: str, tables: dict[str, LatencyTable]) -> dict[str, Any]:
    return {"name": name, "tables": [_table(shelf, table) for _, table in sorted(tables.items())]}


def _table(shelf: TableShelf, table: LatencyTable) -> dict[str, Any]:
    versions = shelf.versions(table.device, table.space)
    return {
        "space": table.space,
        "kind": table.kind,
        "emulated": table.provenance.emulated,
        "provenance": asdict(table.provenance),
        "honesty": None if table.honesty is None else asdict(table.honesty),
        "has_interval": table.has_interval,
        "fixed_ms": table.fixed_ms,
        "operators": len(table.operator_ms),
        "sha256": table.sha256,
        "url": f"/v1/devices/{table.device}/tables/{table.space}",
        "versions": [{"sha256": kept.sha256, "date": kept.date, "kind": kept.kind} for kept in versions],
    }
