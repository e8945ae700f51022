"""Latency of a genome on one device: fixed cost, operators and their neighbours (DESIGN.md, section 5)."""

from __future__ import annotations

from latency_tables import MissingOperatorError
from search.objectives.sums import Reach, TotalObjective
from search.resources import LatencySource
from search.space.base import Space
from search.space.blocks.base import Block


def latency_objective(space: Space, table: LatencySource) -> TotalObjective:
    """Latency in ms, tabulated once so that a lookup is array indexing.

    Raises:
        MissingOperatorError: the table lacks operators of the space; names them all.
    """
    keys = tuple(block.operator_key for block in space.operators() if block.operator_key is not None)
    absent = table.missing(keys)
    if absent:
        raise MissingOperatorError(table.device, tuple(map(str, absent)))

    def block_ms(block: Block) -> float:
        return 0.0 if block.operator_key is None else table.latency_ms(block.operator_key)

    if table.neighbour_ms:
        return TotalObjective(space.tabulate_neighbours(block_ms, table.neighbour_ms), table.fixed_ms)
    return TotalObjective(space.tabulate(block_ms), table.fixed_ms)


def latency_reach(space: Space, table: LatencySource) -> Reach:
    """Exact lowest and highest latency in ms of the space's networks by a table; neighbours may take it below 0.

    Raises:
        MissingOperatorError: the table lacks operators of the space; names them all.
    """
    return latency_objective(space, table).reach()
