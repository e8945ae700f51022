"""GET /v1/spaces, one space, and its measurement plan."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from latency_tables import FEWEST_NETWORKS
from search import count_architectures
from service.api.dependencies import ServicesDep, SpaceName
from service.api.downloads import download
from service.api.json_body import StrictRoute
from service.api.schemas import SpaceDetail, SpaceList
from service.catalogue import Catalogue, SpaceEntry
from service.plans import MOST_NETWORKS
from service.table_errors import NoKnownDevicesError

Networks = Annotated[
    int | None,
    Query(ge=FEWEST_NETWORKS, le=MOST_NETWORKS, description="Few-shot: so many networks (10 to 30 are usual)."),
]
router = APIRouter(prefix="/v1/spaces", tags=["spaces"], route_class=StrictRoute)


@router.get("", response_model=SpaceList, summary="List the search spaces")
def list_spaces(services: ServicesDep) -> dict[str, Any]:
    """Every space, whether it can be searched, and the devices that have a latency table for it."""
    catalogue = services.catalogue
    return {"spaces": [_summary(catalogue, catalogue.entry(name)) for name in catalogue.names]}


@router.get("/{space}", response_model=SpaceDetail, summary="Describe one space")
def get_space(space: SpaceName, services: ServicesDep) -> dict[str, Any]:
    """The genes of a space with their choices, and the card of its supernet."""
    entry = services.catalogue.entry(space)
    genes = zip(entry.space.gene_names, entry.space.choice_names, strict=True)
    return {
        **_summary(services.catalogue, entry),
        "gene_choices": [{"name": name, "choices": choices} for name, choices in genes],
        "sha256": entry.space.sha256,
        "supernet_sha256": entry.supernet.sha256 if entry.supernet else None,
        "supernet_card": dict(entry.supernet.card) if entry.supernet else None,
        "measurement_plan_url": f"/v1/spaces/{entry.space.name}/measurement-plan",
    }


@router.get(
    "/{space}/measurement-plan",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
    summary="Download the measurement plan",
)
def get_measurement_plan(space: SpaceName, services: ServicesDep, networks: Networks = None) -> Response:
    """A zip of small ONNX models and whole networks, with `plan.json`: what the agent times on a device.

    The full plan has every operator alone, and networks; with `networks` it is the few-shot plan of so many networks,
    for a device whose table shall start from those of other devices.
    """
    entry = services.catalogue.entry(space)
    if networks is not None and not services.catalogue.shelf.others("", space):
        raise NoKnownDevicesError(space)
    plan = entry.plans.get(networks)
    return download(plan.content, "application/zip", f"{space}-measurement-plan.zip", plan.sha256)


def _summary(catalogue: Catalogue, entry: SpaceEntry) -> dict[str, Any]:
    space = entry.space
    return {
        "name": space.name,
        "description": space.description,
        "architectures": count_architectures(space),
        "genes": len(space.n_choices),
        "input_shape": list(space.input_shape),
        "classes": space.classes,
        "searchable": entry.supernet is not None,
        "devices": sorted(catalogue.tables_for(space.name)),
    }
