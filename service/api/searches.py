"""/v1/searches: post, list, watch, cancel and delete searches."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from search import check_spec
from service.api.dependencies import SearchId, ServicesDep
from service.api.job_views import event_view, job_view, search_url
from service.api.json_body import StrictRoute
from service.api.page_token import read_page_token, write_page_token
from service.api.schemas import EventList, JobAnswer, JobList
from service.bootstrap import Services
from service.catalogue import refuse_emulated
from service.job import TERMINAL, SearchJob, State
from service.jobs.lifecycle import search_not_found
from service.jobs.remeasure import local_devices
from service.search_request import SearchRequest
from service.storage.job_repository import JobRepository
from service.warm_start import start_genomes

router = APIRouter(prefix="/v1/searches", tags=["searches"], route_class=StrictRoute)

_DEFAULT_PAGE, _LARGEST_PAGE = 50, 1000
_RANDOM_SEEDS = 2**31
PageSize = Annotated[int, Query(ge=0, description="Searches per page, 50 when 0; more than 1,000 counts as 1,000.")]
PageToken = Annotated[str, Query(max_length=1000, description="`next_page_token` of the page before.")]


@router.post("", status_code=202, response_model=JobAnswer, summary="Post a search")
def post_search(request: SearchRequest, response: Response, services: ServicesDep) -> dict[str, Any]:
    """Queue a search. What cannot work is refused at once: unknown names, limits that no network of the space keeps."""
    seed = request.seed if request.seed is not None else secrets.randbelow(_RANDOM_SEEDS)
    # Whether candidates can be measured is not the engine's to say: the images are read by the search's own process.
    spec = replace(request.completed(seed, {}).search_spec(), evaluations=None)
    entry = services.catalogue.requested(request.space)
    tables = services.catalogue.tables_for(request.space, request.tables)
    resources = services.catalogue.resources(request.space, tables)
    check_spec(spec, resources)
    if not request.allow_emulated:
        refuse_emulated(tables, request.devices)
    if request.remeasure:
        local_devices(request.devices, tables, request.timed_devices)
    if request.verify:
        services.datasets.check(entry.space, services.catalogue.supernet(entry).card)
    # From here on the search has these very tables, whatever is put or measured before it runs.
    versions = {device: services.catalogue.shelf.keep(tables[device]) for device in request.devices}
    effective = request.completed(seed, versions)
    if request.start_from:
        genomes = start_genomes(request.start_from, services.fronts, spec, resources)
        effective = effective.model_copy(update={"start_from": None, "start_genomes": genomes})
    sent = request.model_dump(exclude_unset=True)
    job = services.lifecycle.create(sent, effective.model_dump(exclude_none=True))
    services.worker.wake()
    response.headers["Location"] = search_url(job.id)
    response.headers["Retry-After"] = "1"
    return job_view(job)


@router.get("", response_model=JobList, summary="List searches")
def list_searches(
    services: ServicesDep, page_size: PageSize = 0, page_token: PageToken = "", state: State | None = None
) -> dict[str, Any]:
    """A page of searches, newest first, of one state where given."""
    size = min(page_size or _DEFAULT_PAGE, _LARGEST_PAGE)
    before = read_page_token(page_token, state) if page_token else None
    with services.database.read() as connection:
        found = JobRepository(connection).page(size + 1, state, before)
    page = found[:size]
    token = write_page_token(page[-1], state) if len(found) > size else ""
    return {"searches": [job_view(job) for job in page], "next_page_token": token}


@router.get("/{search_id}", response_model=JobAnswer, summary="Get a search")
def get_search(search_id: SearchId, response: Response, services: ServicesDep) -> dict[str, Any]:
    """The state and progress of a search; poll it about once a second."""
    job = _job(services, search_id)
    response.headers["Cache-Control"] = "no-store"
    if job.state not in TERMINAL:
        response.headers["Retry-After"] = "1"
    return job_view(job)


@router.post("/{search_id}/cancel", response_model=JobAnswer, summary="Cancel a search")
def cancel_search(search_id: SearchId, services: ServicesDep) -> dict[str, Any]:
    """Cancel a search: a queued one at once, a running one within seconds. One that has ended stays as it is."""
    job = services.lifecycle.cancel(search_id)
    services.worker.wake()
    return job_view(job)


@router.delete("/{search_id}", status_code=204, response_class=Response, summary="Delete a search")
def delete_search(search_id: SearchId, services: ServicesDep) -> Response:
    """Delete a search that has ended, with its events and its front."""
    services.lifecycle.delete(search_id)
    services.files.delete(search_id)
    return Response(status_code=204)


@router.get("/{search_id}/events", response_model=EventList, summary="List a search's events")
def list_events(
    search_id: SearchId,
    services: ServicesDep,
    after: Annotated[int, Query(ge=0, le=2**31, description="Events with a higher `seq` only.")] = 0,
) -> dict[str, Any]:
    """The history of a search in order, at most 1,000 events at a time."""
    _job(services, search_id)
    with services.database.read() as connection:
        events = JobRepository(connection).events(search_id, after, _LARGEST_PAGE)
    return {"events": [event_view(event) for event in events], "next_after": events[-1].seq if events else after}


def _job(services: Services, search_id: str) -> SearchJob:
    with services.database.read() as connection:
        job = JobRepository(connection).get(search_id)
    if job is None:
        raise search_not_found()
    return job
