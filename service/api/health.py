"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.api.dependencies import ServicesDep
from service.api.json_body import StrictRoute
from service.api.schemas import Health
from service.errors import NotReadyError, StorageError

router = APIRouter(tags=["health"], route_class=StrictRoute)


@router.get("/healthz", response_model=Health, summary="Whether the process is up")
async def healthz() -> dict[str, str]:
    """Always ok when there is an answer; it waits for no other request's thread."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Health, summary="Whether the service can work")
def readyz(services: ServicesDep) -> dict[str, str]:
    """Ok when the database can be written and the worker runs; 503 with the reason when not."""
    try:
        services.database.check_writable()
    except StorageError as error:
        raise NotReadyError(str(error)) from error
    if not services.worker.alive:
        raise NotReadyError("The worker does not run. Restart the server.")
    return {"status": "ok"}


@router.get("/metrics", response_class=Response, summary="Metrics for Prometheus")
def metrics(request: Request) -> Response:
    """Requests, their durations, and searches by state."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
