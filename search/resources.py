"""SearchResources: what a search needs besides its spec. Made by the service, once per space; read by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from latency_tables import OperatorKey
from search.predictor.base import Predictor
from search.space.base import Space


class LatencySource(Protocol):
    """The part of a `latency_tables.LatencyTable` that the engine reads."""

    @property
    def device(self) -> str: ...

    @property
    def fixed_ms(self) -> float:
        """Paid once by every network."""

    @property
    def interval(self) -> float | None:
        """Half-width of the 90 % interval as a fraction of the latency; None when unknown."""

    @property
    def kind(self) -> str:
        """Provenance: measured, published or estimated."""

    def latency_ms(self, key: OperatorKey) -> float:
        """Cost of one operator on top of `fixed_ms`.

        Raises:
            MissingOperatorError: no row for it.
        """

    def missing(self, keys: tuple[OperatorKey, ...]) -> tuple[OperatorKey, ...]:
        """Operators without a row."""


@dataclass(frozen=True)
class SearchResources:
    """One space with its error predictor and its latency tables by device."""

    space: Space
    predictor: Predictor
    tables: Mapping[str, LatencySource]
