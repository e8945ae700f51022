"""Scores: everything known about given genomes. Asked by the service to score architectures, and for the front."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.objectives.columns import Column
from search.objectives.objective import make_objectives
from search.predictor.base import Prediction
from search.resources import SearchResources
from search.result import LatencyEstimate
from search.space.base import Genomes, check_genomes

_COSTS = ("macs", "params", "size_bytes", "peak_activation_bytes")


@dataclass(frozen=True)
class Scores:
    """Objectives of n genomes, row by row.

    Attributes:
        genomes: `(n, g)`.
        error: with its 90 % interval.
        latency_ms: by device, one estimate per genome.
        macs: `(n,)` int64, as are `params`, `size_bytes` and `peak_activation_bytes`.
    """

    genomes: Genomes
    error: Prediction
    latency_ms: dict[str, tuple[LatencyEstimate, ...]]
    macs: npt.NDArray[np.int64]
    params: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    peak_activation_bytes: npt.NDArray[np.int64]


def score(resources: SearchResources, genomes: Iterable[object], devices: tuple[str, ...] | None = None) -> Scores:
    """Score genomes, duplicates and all, in the order given; on all devices of the resources unless some are named.

    Raises:
        GenomeError: a genome has the wrong length or a gene out of range; names the first.
        MissingOperatorError: a latency table lacks operators of the space.
    """
    checked = check_genomes(resources.space, genomes)
    chosen = tuple(resources.tables) if devices is None else devices
    costs = make_objectives(resources, map(Column, _COSTS))
    integers = {column.objective: cost.values(checked).astype(np.int64) for column, cost in costs.items()}
    latencies = {device: _latencies(resources, device, checked) for device in chosen}
    return Scores(checked, resources.predictor.predict(checked), latencies, **integers)


def _latencies(resources: SearchResources, device: str, genomes: Genomes) -> tuple[LatencyEstimate, ...]:
    table = resources.tables[device]
    column = Column("latency_ms", device)
    expected = make_objectives(resources, [column])[column].values(genomes)
    if table.has_interval:
        counts = resources.space.operator_counts(genomes, table.operators)
        half_width = table.half_width_ms(counts, expected)
    else:
        half_width = None
    if half_width is None:
        return tuple(LatencyEstimate(ms, None, None, table.kind) for ms in expected.tolist())
    low, high = np.maximum(expected - half_width, 0.0), expected + half_width
    bounds = zip(expected.tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(LatencyEstimate(ms, least, most, table.kind) for ms, least, most in bounds)
