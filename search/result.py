"""SearchResult: what a search hands back (DESIGN.md, section 2: the fourth of four types)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes
from search.spec import SearchSpec
from search.stopping import StopReason


@dataclass(frozen=True)
class LatencyEstimate:
    """Latency of one architecture on one device. `low` and `high` bound a 90 % interval; None where none is known."""

    expected: float
    low: float | None
    high: float | None
    kind: str
    """Provenance of the table: measured, published or estimated."""


@dataclass(frozen=True)
class FrontItem:
    """One non-dominated candidate with everything known about it."""

    architecture_id: str
    genome: tuple[int, ...]
    blocks: tuple[str, ...]
    """Labels of the layers' blocks, in order, without stem and head."""
    error: float
    error_interval: tuple[float, float]
    latency_ms: dict[str, LatencyEstimate]
    """By device."""
    macs: int
    params: int
    size_bytes: int
    peak_activation_bytes: int
    verified_error: float | None = None
    """As measured during the search; None when the search rests on predictions alone."""


@dataclass(frozen=True)
class SearchResult:
    """The front and the cloud it was taken from.

    Attributes:
        columns: names of the objective columns, for example `("error", "latency_ms:raspberry-pi-4")`.
        front: all non-dominated feasible candidates ever evaluated, sorted by the first objective, then genome.
        genomes: every distinct candidate evaluated, `(n, g)`, in the order of first evaluation.
        values: their objectives in minimise form, `(n, m)`.
        feasible: which of them keep all limits, `(n,)`.
        hypervolume: of the front so far after each generation, normalised as `front.hypervolume` says.
        evaluations: distinct candidates evaluated after each generation.
        stopped_by: what ended the search, see `stopping.StopReason`.
    """

    spec: SearchSpec
    columns: tuple[str, ...]
    front: tuple[FrontItem, ...]
    genomes: Genomes
    values: npt.NDArray[np.float64]
    feasible: npt.NDArray[np.bool_]
    hypervolume: tuple[float, ...]
    evaluations: tuple[int, ...] = ()
    stopped_by: StopReason = StopReason.GENERATIONS
