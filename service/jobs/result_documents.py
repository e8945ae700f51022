"""Result documents: what is kept of a SearchResult, as files (made by `runner.py`, read by `service/fronts.py`)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from latency_tables import LatencyTable
from search import FrontItem, SearchResult, Space
from service.jobs.breakdown_document import breakdown_document
from service.jobs.remeasure import Remeasurement
from service.jobs.verified import Verified
from service.result_names import BREAKDOWN, EVALUATED, FRONT_CSV, FRONT_JSON
from service.table_summary import table_summaries

_VERIFIED = ("verified_error", "verified_cross_entropy")
_COSTS = ("macs", "params", "size_bytes", "peak_activation_bytes")


@dataclass(frozen=True)
class Basis:
    """What a result rests on: the space, the tables of the search's devices, and the supernet's fingerprint."""

    space: Space
    tables: Mapping[str, LatencyTable]
    supernet_sha256: str


@dataclass(frozen=True)
class Added:
    """What a search found out besides its front, where it was asked for."""

    remeasured: Remeasurement | None = None
    verified: Verified | None = None

    def summaries(self) -> dict[str, Any]:
        """What the document tells of all networks together."""
        again = {} if self.remeasured is None else {"remeasured": self.remeasured.summary()}
        return again if self.verified is None else again | {"verified": dict(self.verified.summary)}

    def by_network(self) -> dict[str, dict[str, Any]]:
        """What the document tells of single networks, by architecture id."""
        again = {} if self.remeasured is None else self.remeasured.by_network()
        verified = {} if self.verified is None else self.verified.by_network
        return {name: {**verified.get(name, {}), **again.get(name, {})} for name in {**verified, **again}}


def result_files(result: SearchResult, basis: Basis, added: Added | None = None) -> dict[str, bytes]:
    """Name and content of every file of a result; equal results give equal bytes."""
    added = added or Added()
    architectures = [basis.space.architecture(item.genome) for item in result.front]
    documents = {
        FRONT_JSON: front_document(result, basis, added),
        EVALUATED: evaluated_document(result),
        BREAKDOWN: breakdown_document(architectures, basis.tables),
    }
    files = {name: _json(document) for name, document in documents.items()}
    return files | {FRONT_CSV: front_csv(result, added)}


def front_document(result: SearchResult, basis: Basis, added: Added) -> dict[str, Any]:
    """The front with what it rests on, and what became of it when it was measured again."""
    more = added.by_network()
    objectives = _objectives(result)
    return {
        "space": result.spec.space,
        "seed": result.spec.seed,
        "columns": list(result.columns),
        "supernet_sha256": basis.supernet_sha256,
        "tables": table_summaries(basis.tables, result.spec.devices),
        "evaluations": len(result.genomes),
        "hypervolume": result.hypervolume[-1],
        "stopped_by": result.stopped_by,
        "history": _history(result),
        "items": [
            _item(item) | {"objectives": objectives[item.genome]} | more.get(item.architecture_id, {})
            for item in result.front
        ],
    } | added.summaries()


def _history(result: SearchResult) -> list[dict[str, Any]]:
    rows = zip(result.evaluations, result.hypervolume, strict=True)
    return [
        {"generation": generation, "evaluations": evaluations, "hypervolume": hypervolume}
        for generation, (evaluations, hypervolume) in enumerate(rows, start=1)
    ]


def _objectives(result: SearchResult) -> dict[tuple[int, ...], dict[str, float]]:
    """The values that were minimised, by genome of the front and by column."""
    front = {item.genome for item in result.front}
    rows = zip(map(tuple, result.genomes.tolist()), result.values.tolist(), strict=True)
    return {genome: dict(zip(result.columns, row, strict=True)) for genome, row in rows if genome in front}


def _item(item: FrontItem) -> dict[str, Any]:
    told = asdict(item)
    # Told where it was verified, with its cross-entropy.
    del told["verified_error"]
    return told


def evaluated_document(result: SearchResult) -> dict[str, Any]:
    """Every distinct candidate evaluated, in the order of first evaluation."""
    return {
        "columns": list(result.columns),
        "genomes": result.genomes.tolist(),
        "values": result.values.tolist(),
        "feasible": result.feasible.tolist(),
    }


def front_csv(result: SearchResult, added: Added) -> bytes:
    """The front as a table: one line per network; genome and blocks are joined by spaces.

    Objectives that are not among a network's figures (the worst of several latencies), verified errors and a second
    measurement add their columns before `genome`, empty for networks without them.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    devices = result.spec.devices
    latency = [f"latency_ms:{device}{suffix}" for device in devices for suffix in ("", ":low", ":high", ":kind")]
    verified, again = _VERIFIED if added.verified else (), _Again(added.remeasured)
    more = added.by_network()
    first = ["architecture_id", "error", "error_low", "error_high"]
    figures = [*first, *latency, *_COSTS]
    others = [name for name in result.columns if name not in figures]
    objectives = _objectives(result)
    writer.writerow([*figures, *others, *verified, *again.columns, "genome", "blocks"])
    for item in result.front:
        cells = [
            *map(objectives[item.genome].get, others),
            *map(more.get(item.architecture_id, {}).get, verified),
            *again.cells(item),
        ]
        writer.writerow(_row(item, devices, cells))
    return text.getvalue().encode()


class _Again:
    """The columns of a second measurement; none where there was none."""

    def __init__(self, remeasured: Remeasurement | None) -> None:
        self._devices = () if remeasured is None else tuple(remeasured.first_ms)
        self._by_network = {} if remeasured is None else remeasured.by_network()
        times = [f"{name}:{device}" for device in self._devices for name in ("remeasured_ms", "repeated_ms")]
        self.columns = [] if remeasured is None else [*times, "remeasured_rank"]

    def cells(self, item: FrontItem) -> list[object]:
        """One network's values."""
        timed = self._by_network.get(item.architecture_id)
        if timed is None:
            return [None] * len(self.columns)
        times = [timed[name][device] for device in self._devices for name in ("remeasured_ms", "repeated_ms")]
        return [*times, timed["remeasured_rank"]]


def _row(item: FrontItem, devices: tuple[str, ...], added: list[object]) -> list[object]:
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
        *added,
        " ".join(map(str, item.genome)),
        " ".join(item.blocks),
    ]


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
