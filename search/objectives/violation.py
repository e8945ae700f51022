"""How far candidates break the limits: what Deb's feasibility rule compares (Deb et al. 2002, section VI)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from search.objectives.columns import Column, limit_column
from search.objectives.objective import Objective
from search.spec import Limit

Floats = npt.NDArray[np.float64]


def limited_columns(limits: tuple[Limit, ...]) -> tuple[Column, ...]:
    """The columns with a limit, each once."""
    return tuple(dict.fromkeys(map(limit_column, limits)))


class Violation:
    """Summed over the limits, how far a value is outside, as a share of the range that its column can reach."""

    def __init__(self, limits: tuple[Limit, ...], objectives: Mapping[Column, Objective]) -> None:
        self._limits = limits
        self._scales = {column: _scale(objectives[column]) for column in limited_columns(limits)}

    def __call__(self, values: Mapping[Column, Floats]) -> Floats:
        """Of n candidates, `(n,)`, given the `(n,)` values of every limited column; 0 where all limits are kept."""
        beyond = np.zeros(len(next(iter(values.values()))))
        for limit in self._limits:
            column = limit_column(limit)
            if limit.maximum is not None:
                beyond += np.maximum(values[column] - limit.maximum, 0.0) / self._scales[column]
            if limit.minimum is not None:
                beyond += np.maximum(limit.minimum - values[column], 0.0) / self._scales[column]
        return beyond


def _scale(objective: Objective) -> float:
    reach = objective.reach()
    return max(reach.highest - reach.lowest, np.finfo(np.float64).tiny)
