"""GET /agent.py: the measuring agent, one file to be copied to a device and run there."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Response

from service.api.downloads import download
from service.api.json_body import StrictRoute

router = APIRouter(tags=["devices"], route_class=StrictRoute)


@router.get(
    "/agent.py",
    response_class=Response,
    responses={200: {"content": {"text/x-python": {}}}},
    summary="Download the measuring agent",
)
def get_agent() -> Response:
    """One Python file that measures a device and uploads the result. It needs Python 3.9, numpy and onnxruntime.

    On the device: `python agent.py --server http://host:8000 --device my-board --space fbnet-cifar10`. The header ETag
    is the file's sha256.
    """
    content = files("latency_tables").joinpath("agent.py").read_bytes()
    return download(content, "text/x-python", "agent.py", hashlib.sha256(content).hexdigest())
