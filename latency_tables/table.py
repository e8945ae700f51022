"""Latency table: milliseconds per operator on one device, plus a fixed cost.

Part `latency_tables/` of the way of the data (DESIGN.md, sections 2 and 5). Made by `files.read_table` and by
`estimate.estimate_table`; asked by `search.objectives`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from latency_tables.errors import MissingOperatorError
from latency_tables.operator_key import OperatorKey
from latency_tables.provenance import Honesty, Kind, Provenance


@dataclass(frozen=True)
class LatencyTable:
    """`total_ms = fixed_ms + sum of operator costs`, for one image.

    Attributes:
        space: name of the space the rows were measured for; rows of one table may serve several spaces.
        fixed_ms: what every network of the space pays once: the runtime's call and the operators in `covers`.
        covers: operators whose time is inside `fixed_ms` and that therefore have no row.
        operator_ms: one row per operator, finite and at least 0.
        honesty: figures on held-out networks; None when no network was measured.
        interval: half-width of the 90 % interval as a fraction of the latency; None when unknown.
    """

    device: str
    space: str
    fixed_ms: float
    covers: frozenset[OperatorKey]
    operator_ms: Mapping[OperatorKey, float]
    provenance: Provenance
    honesty: Honesty | None = None
    interval: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "operator_ms", dict(self.operator_ms))

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
        """Latency in ms of the network made of these operators; a repeated operator counts each time.

        Raises:
            MissingOperatorError: naming every operator the table lacks.
        """
        listed = tuple(keys)
        absent = self.missing(listed)
        if absent:
            raise MissingOperatorError(self.device, tuple(map(str, absent)))
        return self.fixed_ms + sum(self.latency_ms(key) for key in listed)

    @property
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
            "provenance": asdict(self.provenance),
            "honesty": None if self.honesty is None else asdict(self.honesty),
            "interval": self.interval,
        }


def canonical_json(content: Mapping[str, Any]) -> str:
    """One text for equal contents: keys sorted, no spaces, shortest floats that read back exactly.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
