"""Objectives: one value per genome, and the range of values that the space can reach.

Made by `make_objectives` for the evaluator and for `search.check`. All are minimised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.objectives.columns import Column
from search.objectives.error import ErrorObjective
from search.objectives.latency import latency_objective
from search.objectives.sums import LargestObjective, Reach, TotalObjective
from search.resources import SearchResources
from search.space.base import Genomes, Space
from search.space.blocks.base import FLOAT_BYTES


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
    if column.objective == "error":
        return ErrorObjective(resources.space, resources.predictor)
    if column.device is not None:
        return latency_objective(resources.space, resources.tables[column.device])
    return _COSTS[column.objective](resources.space)


@dataclass(frozen=True)
class _Total:
    attribute: str
    factor: float = 1.0

    def __call__(self, space: Space) -> Objective:
        return TotalObjective(space.tabulate(lambda block: self.factor * getattr(block, self.attribute)))


def _peak(space: Space) -> Objective:
    return LargestObjective(space.tabulate(lambda block: block.peak_activation_bytes))


_COSTS: dict[str, Callable[[Space], Objective]] = {
    "macs": _Total("macs"),
    "params": _Total("params"),
    "size_bytes": _Total("params", FLOAT_BYTES),
    "peak_activation_bytes": _peak,
}
