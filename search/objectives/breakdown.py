"""Where an architecture's latency goes: one row per block, and the rows sum to the total.

Asked by the service for single architectures and, at the end of a search, for every network of the front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from latency_tables import OperatorKey
from search.resources import LatencySource
from search.space.architecture import Architecture

FIXED = "fixed"
"""Position and label of the first row."""


@dataclass(frozen=True)
class BreakdownRow:
    """One block's part of a latency.

    Attributes:
        position: the block's place in the network; `fixed` for what every network pays once.
        operator: text of the block's operator; None for the fixed cost and for a block that computes nothing.
        latency_ms: the operator's cost, and what it costs more (or less) right after the operator before it.
        share: of the total.
        in_fixed: the operator's own cost is inside the row `fixed`.
    """

    position: str
    label: str
    operator: str | None
    latency_ms: float
    share: float
    in_fixed: bool


def latency_breakdown(architecture: Architecture, table: LatencySource) -> tuple[BreakdownRow, ...]:
    """Rows in the order of computation, the fixed cost first; their `math.fsum` is the architecture's latency in ms.

    A cost of neighbours is in the row of the later block, which may thereby be negative.

    Raises:
        MissingOperatorError: the table lacks an operator.
    """
    keys = [block.operator_key for block in architecture.blocks]
    costs = [table.fixed_ms, *(0.0 if key is None else table.latency_ms(key) for key in keys)]
    for place, extra in _beside(keys, table).items():
        costs[1 + place] += extra
    total = math.fsum(costs)
    positions = (FIXED, *architecture.positions)
    labels = (FIXED, *(block.label for block in architecture.blocks))
    rows = zip(positions, labels, (None, *keys), costs, strict=True)
    return tuple(
        BreakdownRow(place, label, None if key is None else str(key), ms, _share(ms, total), key in table.covers)
        for place, label, key, ms in rows
    )


def _beside(keys: list[OperatorKey | None], table: LatencySource) -> dict[int, float]:
    """What the block at a place costs more right after the one before it that computes something."""
    present = [(place, key) for place, key in enumerate(keys) if key is not None]
    pairs = pairwise(present)
    return {place: table.neighbour_ms.get((before, key), 0.0) for (_, before), (place, key) in pairs}


def _share(ms: float, total_ms: float) -> float:
    return ms / total_ms if total_ms else 0.0
