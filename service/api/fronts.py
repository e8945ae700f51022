"""/v1/searches/{id}/front: the result of a search as JSON, CSV, single ONNX files, and one zip."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from service.api.dependencies import ArchitectureId, SearchId, ServicesDep
from service.api.downloads import download, file_headers
from service.api.json_body import StrictRoute
from service.api.schemas import FrontAnswer, FrontNetworkAnswer

router = APIRouter(prefix="/v1/searches/{search_id}", tags=["fronts"], route_class=StrictRoute)
Include = Annotated[
    Literal["evaluated"] | None, Query(description="`evaluated` adds every network evaluated, for plots.")
]

Networks = Annotated[
    int | None,
    Query(ge=1, le=10_000, description="ONNX files to take, evenly spread over the front; left out: every network's."),
]


@router.get("/front", response_model=FrontAnswer, summary="Get the front")
def get_front(search_id: SearchId, services: ServicesDep, include: Include = None) -> Response:
    """The networks that no evaluated network beats in every objective, with what their figures rest on."""
    document = services.fronts.document(search_id)
    content = json.dumps(document, allow_nan=False).encode()
    if include == "evaluated":
        # Stored as JSON text of up to some MB, put in as it is: parsing it would hold up other requests.
        content = content[:-1] + b', "evaluated": ' + services.fronts.evaluated(search_id) + b"}"
    return Response(content, media_type="application/json")


@router.get(
    "/front.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}}, summary="Download as CSV"
)
def get_front_csv(search_id: SearchId, services: ServicesDep) -> Response:
    """One line per network; latencies in ms, error as a fraction."""
    content = services.fronts.csv(search_id)
    sha256 = hashlib.sha256(content).hexdigest()
    return download(content, "text/csv; charset=utf-8", f"{search_id}-front.csv", sha256)


@router.get(
    "/front.zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
    summary="Download everything as a zip",
)
def get_front_zip(search_id: SearchId, services: ServicesDep, networks: Networks = None) -> StreamingResponse:
    """`front.json`, `front.csv` and `models/<architecture_id>.onnx`, not compressed.

    A front has hundreds of networks of some MB each: `networks` takes fewer of them.
    """
    parts = services.fronts.zip(search_id, networks)
    return StreamingResponse(parts, media_type="application/zip", headers=file_headers(f"{search_id}-front.zip"))


@router.get(
    "/front/{architecture_id}",
    response_model=FrontNetworkAnswer,
    response_model_exclude_unset=True,
    summary="Get one network of the front",
)
def get_front_item(search_id: SearchId, architecture_id: ArchitectureId, services: ServicesDep) -> dict[str, Any]:
    """One network with everything known about it; `breakdown` has rows that sum to its latency on each device."""
    return services.fronts.item(search_id, architecture_id)


@router.get(
    "/front/{architecture_id}/model.onnx",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
    summary="Download one network as ONNX",
)
def get_model(search_id: SearchId, architecture_id: ArchitectureId, services: ServicesDep) -> Response:
    """The network with its trained weights. Input `image`: float32 NCHW, pixels divided by 255; any batch size."""
    content = services.fronts.model(search_id, architecture_id)
    # Found on the front, so the id is one that the service made.
    file_name = f"{architecture_id}.onnx"
    return download(content, "application/octet-stream", file_name, hashlib.sha256(content).hexdigest())
