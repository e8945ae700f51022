"""Result documents: what is kept of a SearchResult, as files (made by `runner.py`, read by `service/fronts.py`)."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from search import FrontItem, SearchResources, SearchResult
from service.result_names import EVALUATED, FRONT_CSV, FRONT_JSON

_COSTS = ("macs", "params", "size_bytes", "peak_activation_bytes")


def result_files(result: SearchResult, resources: SearchResources, supernet_sha256: str) -> dict[str, bytes]:
    """Name and content of every file of a result; equal results give equal bytes."""
    documents = {FRONT_JSON: front_document(result, resources, supernet_sha256), EVALUATED: evaluated_document(result)}
    files = {name: _json(document) for name, document in documents.items()}
    return files | {FRONT_CSV: front_csv(result)}


def front_document(result: SearchResult, resources: SearchResources, supernet_sha256: str) -> dict[str, Any]:
    """The front with what it rests on: space, supernet and tables by their fingerprints."""
    return {
        "space": result.spec.space,
        "seed": result.spec.seed,
        "columns": list(result.columns),
        "supernet_sha256": supernet_sha256,
        "tables": {device: _table(resources, device) for device in result.spec.devices},
        "evaluations": len(result.genomes),
        "hypervolume": result.hypervolume[-1],
        "items": [asdict(item) for item in result.front],
    }


def evaluated_document(result: SearchResult) -> dict[str, Any]:
    """Every distinct candidate evaluated, in the order of first evaluation."""
    return {
        "columns": list(result.columns),
        "genomes": result.genomes.tolist(),
        "values": result.values.tolist(),
        "feasible": result.feasible.tolist(),
    }


def front_csv(result: SearchResult) -> bytes:
    """The front as a table: one line per network; genome and blocks are joined by spaces."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    devices = result.spec.devices
    latency = [f"latency_ms:{device}{suffix}" for device in devices for suffix in ("", ":low", ":high", ":kind")]
    writer.writerow(["architecture_id", "error", "error_low", "error_high", *latency, *_COSTS, "genome", "blocks"])
    writer.writerows(_row(item, devices) for item in result.front)
    return text.getvalue().encode()


def _row(item: FrontItem, devices: tuple[str, ...]) -> list[object]:
    latency: list[object] = []
    for device in devices:
        estimate = item.latency_ms[device]
        latency += [estimate.expected, estimate.low, estimate.high, estimate.kind]
    costs = [getattr(item, name) for name in _COSTS]
    return [
        item.architecture_id,
        item.error,
        *item.error_interval,
        *latency,
        *costs,
        " ".join(map(str, item.genome)),
        " ".join(item.blocks),
    ]


def _table(resources: SearchResources, device: str) -> dict[str, Any]:
    table = resources.tables[device]
    return {"kind": table.kind, "sha256": getattr(table, "sha256", None)}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
