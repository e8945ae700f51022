"""Latency table: milliseconds per operator on one device, plus a fixed cost.

Part `latency_tables/` of the way of the data (DESIGN.md, sections 2 and 5). Made by `files.read_table` and by
`estimate.estimate_table`; asked by `search.objectives`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from latency_tables.errors import MissingOperatorError
from latency_tables.operator_key import OperatorKey
from latency_tables.provenance import Honesty, Kind, Provenance
from latency_tables.uncertainty import Uncertainty

Floats = npt.NDArray[np.float64]
Neighbours = tuple[OperatorKey, OperatorKey]
"""Two operators of a network, the second right after the first."""
NEIGHBOURS_TEXT = "{} -> {}"


@dataclass(frozen=True)
class LatencyTable:
    """`total_ms = fixed_ms + sum of operator costs + sum over neighbours`, for one image.

    Attributes:
        space: name of the space the rows were measured for; rows of one table may serve several spaces.
        fixed_ms: what every network of the space pays once: the runtime's call and the operators in `covers`.
        covers: operators whose time is inside `fixed_ms` and that therefore have no row.
        operator_ms: one row per operator, finite and at least 0.
        honesty: figures on held-out networks; None when no network was measured.
        neighbour_ms: what one operator right after another costs beyond both alone, or less when negative; pairs that
            are not named cost nothing extra. Empty unless such terms lowered the error on networks not fitted.
        uncertainty: of the costs, for the interval of any architecture; None when unknown.
    """

    device: str
    space: str
    fixed_ms: float
    covers: frozenset[OperatorKey]
    operator_ms: Mapping[OperatorKey, float]
    provenance: Provenance
    honesty: Honesty | None = None
    uncertainty: Uncertainty | None = None
    neighbour_ms: Mapping[Neighbours, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operator_ms", dict(self.operator_ms))
        object.__setattr__(self, "neighbour_ms", dict(self.neighbour_ms))

    @property
    def kind(self) -> Kind:
        """How the numbers were obtained."""
        return self.provenance.kind

    def latency_ms(self, key: OperatorKey) -> float:
        """Cost of one operator in ms on top of `fixed_ms`: 0 for a covered one.

        Raises:
            MissingOperatorError: the table has no row for it; a cost is never guessed.
        """
        if key in self.operator_ms:
            return self.operator_ms[key]
        if key in self.covers:
            return 0.0
        raise MissingOperatorError(self.device, (str(key),))

    def missing(self, keys: Iterable[OperatorKey]) -> tuple[OperatorKey, ...]:
        """Operators among `keys` that are neither rows nor covered, each once, in the order given."""
        absent = (key for key in keys if key not in self.operator_ms and key not in self.covers)
        return tuple(dict.fromkeys(absent))

    def total_ms(self, keys: Iterable[OperatorKey]) -> float:
        """Latency in ms of the network made of these operators, in their order; a repeated one counts each time.

        Raises:
            MissingOperatorError: naming every operator the table lacks.
        """
        listed = tuple(keys)
        absent = self.missing(listed)
        if absent:
            raise MissingOperatorError(self.device, tuple(map(str, absent)))
        beside = sum(self.neighbour_ms.get(neighbours, 0.0) for neighbours in pairwise(listed))
        return self.fixed_ms + sum(self.latency_ms(key) for key in listed) + beside

    @property
    def operators(self) -> tuple[OperatorKey, ...]:
        """Operators with a row, sorted by their text: the order of `counts` and of `Uncertainty.factor`."""
        return tuple(sorted(self.operator_ms, key=str))

    @property
    def has_interval(self) -> bool:
        """Whether `half_width_ms` is known, without the counts that it needs."""
        return self.uncertainty is not None

    def half_width_ms(self, counts: Floats, latency_ms: Floats) -> Floats | None:
        """Half-width in ms of the 90 % interval of networks, `(n,)`; None when it is not known.

        Args:
            counts: `(n, k)`, how often each network has each of `operators`.
            latency_ms: `(n,)`, their sums.
        """
        return None if self.uncertainty is None else self.uncertainty.half_width_ms(counts, latency_ms)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of everything in the table: sha256 of `canonical_json` of its content."""
        return hashlib.sha256(canonical_json(self.content()).encode()).hexdigest()

    def content(self) -> dict[str, Any]:
        """The table as JSON values, rows sorted by their text."""
        return {
            "device": self.device,
            "space": self.space,
            "fixed_ms": float(self.fixed_ms),
            "covers": sorted(map(str, self.covers)),
            "operator_ms": {text: float(ms) for text, ms in sorted((str(k), v) for k, v in self.operator_ms.items())},
            "neighbour_ms": {text: float(ms) for text, ms in sorted(self._neighbour_texts())},
            "provenance": asdict(self.provenance),
            "honesty": None if self.honesty is None else asdict(self.honesty),
            "uncertainty": None if self.uncertainty is None else asdict(self.uncertainty),
        }

    def _neighbour_texts(self) -> Iterator[tuple[str, float]]:
        return ((NEIGHBOURS_TEXT.format(*neighbours), ms) for neighbours, ms in self.neighbour_ms.items())


def canonical_json(content: Mapping[str, Any]) -> str:
    """One text for equal contents: keys sorted, no spaces, shortest floats that read back exactly.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
