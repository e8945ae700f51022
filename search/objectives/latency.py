"""Latency of a genome on one device: fixed cost, operators and their neighbours (DESIGN.md, section 5)."""

from __future__ import annotations

from search.objectives.linear import latency_cost
from search.objectives.sums import Reach, TotalObjective
from search.resources import LatencySource
from search.space.base import Space


def latency_objective(space: Space, table: LatencySource) -> TotalObjective:
    """Latency in ms, tabulated once so that a lookup is array indexing.

    Raises:
        MissingOperatorError: the table lacks operators of the space; names them all.
    """
    return latency_cost(space, table).objective(space)


def latency_reach(space: Space, table: LatencySource) -> Reach:
    """Exact lowest and highest latency in ms of the space's networks by a table; neighbours may take it below 0.

    Raises:
        MissingOperatorError: the table lacks operators of the space; names them all.
    """
    return latency_objective(space, table).reach()
