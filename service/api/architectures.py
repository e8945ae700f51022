"""/v1/architectures: objectives of given genomes, and one architecture with where its latencies go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from latency_tables import LatencyTable
from search import Architecture, GenomeError, Scores, Space, latency_breakdown, score
from service.api.dependencies import ServicesDep, SpaceName
from service.api.json_body import StrictRoute
from service.api.schemas import ArchitectureAnswer, ScoreList, ScoreRequest
from service.catalogue import refuse_emulated
from service.errors import GenomeAddressError, UnknownNameError
from service.jobs.breakdown_document import breakdown_view
from service.strict_model import Name
from service.table_summary import table_summaries

router = APIRouter(prefix="/v1/architectures", tags=["architectures"], route_class=StrictRoute)

GenomeText = Annotated[
    str,
    Path(
        max_length=8000,
        pattern=r"^(0|[1-9][0-9]{0,5})(-(0|[1-9][0-9]{0,5}))*$",
        description="Genes joined by hyphens.",
        examples=["0-0-0-0-0-0-0-0-0-0-0-0-0"],
    ),
]
Devices = Annotated[
    list[Name] | None,
    Query(
        max_length=64,
        description="Repeat it for several. Left out: all devices with a table for the space,"
        " but those of an emulated processor.",
    ),
]


@router.post("/score", response_model=ScoreList, summary="Score architectures")
def score_architectures(request: ScoreRequest, services: ServicesDep) -> dict[str, Any]:
    """Expected error, latency per device and exact costs of up to 10,000 genomes, in the order sent."""
    services.catalogue.requested(request.space)
    tables = services.catalogue.tables_for(request.space)
    devices = _chosen(request.devices, tables, "/devices", emulated=request.allow_emulated)
    if not request.allow_emulated:
        refuse_emulated(tables, request.devices or ())
    scores = score(services.catalogue.resources(request.space, tables), request.genomes, devices)
    return {
        "space": request.space,
        "scores": [_score(scores, row) for row in range(len(scores.genomes))],
        "tables": table_summaries(tables, devices),
    }


@router.get("/{space}/{genome}", response_model=ArchitectureAnswer, summary="Describe one architecture")
def get_architecture(
    space: SpaceName, genome: GenomeText, services: ServicesDep, devices: Devices = None
) -> dict[str, Any]:
    """One network: its blocks, its expected error, its exact costs, and its latency on each device, block by block."""
    entry = services.catalogue.entry(space)
    architecture = _architecture(entry.space, [int(gene) for gene in genome.split("-")])
    tables = services.catalogue.tables_for(space)
    chosen = _chosen(devices, tables, "/query/devices")
    scores = score(services.catalogue.resources(space, tables), [architecture.genome], chosen)
    return _score(scores, 0) | {
        "space": space,
        "architecture_id": architecture.architecture_id,
        "genome": list(architecture.genome),
        "blocks": _blocks(architecture),
        "tables": table_summaries(tables, chosen),
        "breakdown": {device: breakdown_view(latency_breakdown(architecture, tables[device])) for device in chosen},
    }


def _chosen(
    devices: Sequence[str] | None, known: Mapping[str, LatencyTable], place: str, *, emulated: bool = False
) -> tuple[str, ...]:
    """The devices asked for, each once, or all that are real; `place` points to them in the request."""
    if devices is None:
        return tuple(name for name in sorted(known) if emulated or not known[name].provenance.emulated)
    unknown = [f"{place}/{number}" for number, device in enumerate(devices) if device not in known]
    if unknown:
        raise UnknownNameError("device", unknown, sorted(known))
    return tuple(dict.fromkeys(devices))


def _architecture(space: Space, genes: Sequence[int]) -> Architecture:
    try:
        return space.architecture(tuple(genes))
    except GenomeError as error:
        raise GenomeAddressError([fault.reason for fault in error.faults]) from error


def _blocks(architecture: Architecture) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            "label": block.label,
            "operator": None if block.operator_key is None else str(block.operator_key),
            "macs": block.macs,
            "params": block.params,
        }
        for position, block in zip(architecture.positions, architecture.blocks, strict=True)
    ]


def _score(scores: Scores, row: int) -> dict[str, Any]:
    return {
        "error": float(scores.error.mean[row]),
        "error_interval": [float(scores.error.low[row]), float(scores.error.high[row])],
        "latency_ms": {device: asdict(estimates[row]) for device, estimates in scores.latency_ms.items()},
        "macs": int(scores.macs[row]),
        "params": int(scores.params[row]),
        "size_bytes": int(scores.size_bytes[row]),
        "peak_activation_bytes": int(scores.peak_activation_bytes[row]),
    }
