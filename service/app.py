"""The HTTP application: routers, error handlers and middleware around the services of `bootstrap.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from service.api import agent, architectures, device_tables, devices, fronts, health, searches, spaces
from service.api.error_handlers import add_error_handlers
from service.api.metrics import Metrics
from service.api.middleware import LocalOnly, RequestFrame
from service.api.problem import MEDIA_TYPE
from service.api.schemas import Problem
from service.bootstrap import Services
from service.job import State
from service.storage.job_repository import JobRepository

_DESCRIPTION = """
Finds small, fast convolutional networks for a given device. Post a search, poll it, download the front: networks with
their expected error, their latency on each device, and ONNX files with trained weights.

`error` is a fraction from 0 to 1; units end the names (`latency_ms`, `size_bytes`). Every answer that is not a success
is a problem document (RFC 9457) with a stable `code`.
"""
_PROBLEMS = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": description}
    for status, description in {"4XX": "The request is at fault.", "5XX": "The service is at fault."}.items()
}


def create_app(services: Services) -> FastAPI:
    """The application on its services; entering its lifespan starts the worker, leaving it stops everything."""
    app = FastAPI(
        title="lutnas",
        version=_version(),
        description=_DESCRIPTION,
        lifespan=_lifespan,
        responses=_PROBLEMS,  # type: ignore[arg-type]
        redoc_url=None,
    )
    app.state.services = services
    app.state.metrics = Metrics(lambda: _count_searches(services))
    add_error_handlers(app)
    for part in (spaces, devices, device_tables, agent, architectures, searches, fronts, health):
        app.include_router(part.router)
    if not services.settings.allow_remote:
        app.add_middleware(LocalOnly)
    app.add_middleware(RequestFrame, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await run_in_threadpool(services.worker.start)
    try:
        yield
    finally:
        await run_in_threadpool(services.worker.stop)
        services.close()


def _count_searches(services: Services) -> dict[State, int]:
    with services.database.read() as connection:
        return JobRepository(connection).count_by_state()


def _version() -> str:
    try:
        return version("lutnas")
    except PackageNotFoundError:
        return "0"
