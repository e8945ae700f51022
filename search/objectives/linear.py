"""Objectives that are sums over blocks and neighbouring operators: latency, macs, params and size.

Their weighted sums are of the same kind, so that the space knows their exact least value: `joint.py` rests on that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latency_tables import MissingOperatorError, OperatorKey
from search.objectives.columns import Column
from search.objectives.sums import TotalObjective
from search.resources import LatencySource, SearchResources
from search.space.base import Cost, Neighbours, Space
from search.space.blocks.base import FLOAT_BYTES, Block

_ATTRIBUTES = {"macs": ("macs", 1.0), "params": ("params", 1.0), "size_bytes": ("params", FLOAT_BYTES)}


@dataclass(frozen=True)
class LinearCost:
    """`fixed`, a cost for every block, and what one operator right after another costs more."""

    block: Cost
    neighbours: Neighbours
    fixed: float = 0.0

    def objective(self, space: Space) -> TotalObjective:
        """Tabulated over a space, so that a lookup is array indexing."""
        if self.neighbours:
            return TotalObjective(space.tabulate_neighbours(self.block, self.neighbours), self.fixed)
        return TotalObjective(space.tabulate(self.block), self.fixed)


def linear_cost(resources: SearchResources, column: Column) -> LinearCost | None:
    """What a column sums; None when it is no sum.

    Raises:
        MissingOperatorError: the latency table lacks operators of the space; names them all.
    """
    if column.objective == "latency_ms" and column.device is not None and not column.worst_of:
        return latency_cost(resources.space, resources.tables[column.device])
    if column.objective in _ATTRIBUTES:
        name, factor = _ATTRIBUTES[column.objective]
        return LinearCost(lambda block: factor * getattr(block, name), {})
    return None


def latency_cost(space: Space, table: LatencySource) -> LinearCost:
    """Latency in ms on a table's device.

    Raises:
        MissingOperatorError: the table lacks operators of the space; names them all.
    """
    keys = tuple(block.operator_key for block in space.operators() if block.operator_key is not None)
    absent = table.missing(keys)
    if absent:
        raise MissingOperatorError(table.device, tuple(map(str, absent)))

    def block_ms(block: Block) -> float:
        return 0.0 if block.operator_key is None else table.latency_ms(block.operator_key)

    return LinearCost(block_ms, table.neighbour_ms, table.fixed_ms)


def weighted(costs: Sequence[LinearCost], weights: Sequence[float]) -> LinearCost:
    """The sum of costs, each times its weight."""
    parts = list(zip(costs, weights, strict=True))
    neighbours: dict[tuple[OperatorKey, OperatorKey], float] = {}
    for cost, weight in parts:
        for pair, extra in cost.neighbours.items():
            neighbours[pair] = neighbours.get(pair, 0.0) + weight * extra

    def block(block: Block) -> float:
        return sum(weight * cost.block(block) for cost, weight in parts)

    return LinearCost(block, neighbours, sum(weight * cost.fixed for cost, weight in parts))
