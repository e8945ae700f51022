"""/v1/devices/{device}/tables/{space}: put a latency table or a measurement, and download tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from latency_tables import LatencyTable, format_table
from service.api.dependencies import DeviceName, ServicesDep, SpaceName
from service.api.device_schemas import StoredTable
from service.api.downloads import download
from service.api.json_body import StrictRoute
from service.api.table_body import PUT_BODY
from service.errors import NotFoundError
from service.measurement_upload import is_measurement, table_of_measurement
from service.settings import Settings
from service.short_queue import ShortQueue
from service.strict_model import Sha256
from service.table_upload import MOST_BYTES, check_device, read_table
from service.table_warnings import drift_of, table_warnings


class TableRoute(StrictRoute):
    """A route whose bodies are tables, which are longer than other requests."""

    def most_bytes(self, settings: Settings) -> int:
        """As long as a table's file may be, whatever other requests may."""
        return max(MOST_BYTES, settings.max_body_bytes)


router = APIRouter(prefix="/v1/devices", tags=["devices"], route_class=TableRoute)
_MEASUREMENTS = ShortQueue(places=4, longest_wait_s=5.0)
"""Of the 40 threads that answer requests, at most so many are busy with measurements."""
Version = Annotated[Sha256 | None, Query(description="sha256 of the version; left out: the present table.")]


@router.put(
    "/{device}/tables/{space}",
    response_model=StoredTable,
    responses={201: {"model": StoredTable, "description": "A version that was not here before."}},
    openapi_extra={"requestBody": PUT_BODY},
    summary="Put a latency table or a measurement",
)
def put_table(
    device: DeviceName,
    space: SpaceName,
    content: Annotated[Any, Body()],
    response: Response,
    services: ServicesDep,
) -> dict[str, Any]:
    """Make a table the present one of a device and a space; what was sent before is kept as a version.

    The body is a table, or what the agent measured, from which the server makes the table. A table that is not complete
    for the space, or whose numbers no device can have, is refused with every fault at once, and nothing is stored. The
    same table again changes nothing.
    """
    entry, shelf = services.catalogue.entry(space), services.catalogue.shelf
    check_device(device)
    if is_measurement(content):
        with _MEASUREMENTS.turn():
            table = table_of_measurement(content, device, entry, shelf.others(device, space))
    else:
        table = read_table(content, device, entry.space)
    published = shelf.publish(table)
    response.status_code = 201 if published.is_new else 200
    url = f"/v1/devices/{device}/tables/{space}?version={table.sha256}"
    response.headers["Location"] = url
    return _stored(table, url) | {
        "new_version": published.is_new,
        "warnings": table_warnings(table, entry.space, drift_of(content), published.before),
    }


@router.get(
    "/{device}/tables/{space}",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "The table's document."}},
    summary="Download a latency table",
)
def get_table(device: DeviceName, space: SpaceName, services: ServicesDep, version: Version = None) -> Response:
    """A table as a document that can be put again; its format is in docs/latency-tables.md."""
    shelf = services.catalogue.shelf
    table = shelf.tables().get((device, space)) if version is None else shelf.version(device, space, version)
    if table is None:
        raise NotFoundError("latency table", "GET /v1/devices lists devices, their spaces and the versions kept.")
    return download(format_table(table).encode(), "application/json", f"{device}-{space}.json", table.sha256)


def _stored(table: LatencyTable, url: str) -> dict[str, Any]:
    return {
        "device": table.device,
        "space": table.space,
        "sha256": table.sha256,
        "kind": table.kind,
        "emulated": table.provenance.emulated,
        "operators": len(table.operator_ms),
        "honesty": None if table.honesty is None else asdict(table.honesty),
        "url": url,
    }
