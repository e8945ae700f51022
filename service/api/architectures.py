"""POST /v1/architectures/score: objectives of given genomes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from search import Scores, score
from service.api.dependencies import ServicesDep
from service.api.json_body import StrictRoute
from service.api.schemas import ScoreList, ScoreRequest
from service.errors import UnknownNameError

router = APIRouter(prefix="/v1/architectures", tags=["architectures"], route_class=StrictRoute)


@router.post("/score", response_model=ScoreList, summary="Score architectures")
def score_architectures(request: ScoreRequest, services: ServicesDep) -> dict[str, Any]:
    """Expected error, latency per device and exact costs of up to 10,000 genomes, in the order sent."""
    resources = services.catalogue.resources(request.space)
    devices = tuple(request.devices if request.devices is not None else sorted(resources.tables))
    unknown = [f"/devices/{place}" for place, device in enumerate(devices) if device not in resources.tables]
    if unknown:
        raise UnknownNameError("device", unknown, sorted(resources.tables))
    scores = score(resources, request.genomes, devices)
    return {"space": request.space, "scores": [_score(scores, row) for row in range(len(scores.genomes))]}


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
