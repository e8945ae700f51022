"""SearchResources: what a search needs besides its spec. Made by the service, once per space; read by the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from latency_tables import OperatorKey
from search.predictor.base import Predictor
from search.space.base import Genomes, Space


class LatencySource(Protocol):
    """The part of a `latency_tables.LatencyTable` that the engine reads."""

    @property
    def device(self) -> str: ...

    @property
    def fixed_ms(self) -> float:
        """Paid once by every network."""

    @property
    def operators(self) -> tuple[OperatorKey, ...]:
        """Operators with a row, in the order of the columns of `counts`."""

    @property
    def kind(self) -> str:
        """Provenance: measured, published or estimated."""

    def latency_ms(self, key: OperatorKey) -> float:
        """Cost of one operator on top of `fixed_ms`.

        Raises:
            MissingOperatorError: no row for it.
        """

    @property
    def covers(self) -> Collection[OperatorKey]:
        """Operators whose time is inside `fixed_ms`; their `latency_ms` is 0."""

    @property
    def neighbour_ms(self) -> Mapping[tuple[OperatorKey, OperatorKey], float]:
        """What one operator right after another costs beyond both alone; pairs that are not named cost nothing."""

    @property
    def has_interval(self) -> bool:
        """Whether `half_width_ms` is known."""

    def half_width_ms(
        self, counts: npt.NDArray[np.float64], latency_ms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64] | None:
        """Half-width in ms of the 90 % interval, `(n,)`, given `(n, k)` counts of `operators`; None when unknown."""

    def missing(self, keys: tuple[OperatorKey, ...]) -> tuple[OperatorKey, ...]:
        """Operators without a row."""


@dataclass(frozen=True)
class Measured:
    """What an evaluation of n genomes on images found, `(n,)` each: error in [0, 1], mean cross-entropy in nats."""

    error: npt.NDArray[np.float64]
    cross_entropy: npt.NDArray[np.float64]


class ErrorMeasure(Protocol):
    """Evaluates genomes for real, for example a supernet on images: exact, slow, a few at a time."""

    def measure(self, genomes: Genomes) -> Measured:
        """Measure `(n, g)` genomes. What it raises ends the search and passes through."""


@dataclass(frozen=True)
class SearchResources:
    """One space with its error predictor and latency tables by device; `measure` is for `SearchSpec.evaluations`."""

    space: Space
    predictor: Predictor
    tables: Mapping[str, LatencySource]
    measure: ErrorMeasure | None = None
