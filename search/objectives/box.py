"""The box of objective space in which the hypervolume of a search's front is measured. Made by the engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search.front.hypervolume import Box
from search.objectives.columns import Column, most_allowed
from search.objectives.objective import Objective
from search.spec import Limit


def box_of(columns: tuple[Column, ...], limits: tuple[Limit, ...], objectives: Mapping[Column, Objective]) -> Box:
    """From the best value of each column to its worst, or to what the limits leave of it."""
    reaches = [objectives[column].reach() for column in columns]
    upper = [min(reach.highest, _most(column, limits)) for column, reach in zip(columns, reaches, strict=True)]
    return Box(np.array([reach.lowest for reach in reaches]), np.array(upper))


def _most(column: Column, limits: tuple[Limit, ...]) -> float:
    """The largest value that the limits leave; of a worst case it is that of the device with the highest limit."""
    most = most_allowed(limits)
    if not column.worst_of:
        return most.get(column, np.inf)
    return max(most.get(Column("latency_ms", device), np.inf) / unit for device, unit in column.worst_of)
