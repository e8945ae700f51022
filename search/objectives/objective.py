"""Objectives: one value per genome, and the range of values that the space can reach.

Made by `make_objectives` for the evaluator and for `search.check`. All are minimised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.objectives.columns import Column
from search.objectives.error import ErrorObjective
from search.objectives.latency import latency_objective
from search.objectives.linear import linear_cost
from search.objectives.sums import LargestObjective, Reach, WorstObjective
from search.resources import SearchResources
from search.space.base import Genomes


class Objective(Protocol):
    """One column of values."""

    def values(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Natural values, `(n,)`, in the unit that the objective's name ends with."""

    def reach(self) -> Reach:
        """Smallest and largest value of the space."""


def make_objectives(resources: SearchResources, columns: Iterable[Column]) -> dict[Column, Objective]:
    """Build the objectives of these columns.

    Raises:
        MissingOperatorError: a latency table lacks operators of the space; names them all.
        KeyError: no such objective, or a device without a table; `check_spec` finds those first.
    """
    return {column: _objective(resources, column) for column in columns}


def _objective(resources: SearchResources, column: Column) -> Objective:
    if column.worst_of:
        tables = resources.tables
        parts = ((latency_objective(resources.space, tables[device]), unit) for device, unit in column.worst_of)
        return WorstObjective(tuple(parts))
    if column.objective == "error":
        return ErrorObjective(resources.space, resources.predictor)
    if column.objective == "peak_activation_bytes":
        return LargestObjective(resources.space.tabulate(lambda block: block.peak_activation_bytes))
    cost = linear_cost(resources, column)
    if cost is None:
        raise KeyError(str(column))
    return cost.objective(resources.space)
