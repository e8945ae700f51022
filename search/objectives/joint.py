"""Limits that can each be kept but not together: found before a search starts where the limited objectives are sums.

A weighted mean of how far an architecture is beyond each limit is a sum over blocks, so that the space knows its exact
least value. Where that is above 0, every architecture is beyond some limit (Lagrangian bound; Boyd and Vandenberghe
2004, section 5.8). The weights are sought with cutting planes (Kelley 1960). Not finding any proves nothing: such a
search runs, and ends with `NoFeasibleCandidateError` when it finds no architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from search.objectives.columns import limit_column
from search.objectives.descent import descend
from search.objectives.linear import LinearCost, linear_cost, weighted
from search.resources import SearchResources
from search.spec import Limit

Floats = npt.NDArray[np.float64]
_ROUNDS = 40
_CERTAIN = 1e-9
"""Of the sum of the ranges: less may be rounding."""
_WEIGHTY = 1e-6


@dataclass(frozen=True)
class Contradiction:
    """Limits that exclude each other, and the value of each of their columns in the architecture that came closest."""

    limits: tuple[Limit, ...]
    closest: dict[str, float]


@dataclass(frozen=True)
class _Bound:
    """One side of a limit: `excess` is above 0 beyond it, in shares of the reachable range."""

    limit: Limit
    excess: LinearCost


def contradiction(resources: SearchResources, limits: tuple[Limit, ...]) -> Contradiction | None:
    """Limits that no architecture of the space keeps together; None when that cannot be shown."""
    bounds = [bound for limit in limits for bound in _bounds(resources, limit)]
    if len(bounds) < 2:
        return None
    space = resources.space
    exact = [bound.excess.objective(space) for bound in bounds]
    tried = np.zeros((1, len(space.n_choices)), dtype=np.int64)
    for _ in range(_ROUNDS):
        beyond = np.column_stack([excess.values(tried) for excess in exact])
        if (beyond <= 0).all(axis=1).any():
            return None
        weights, hoped_for = _weights(beyond)
        mean = weighted([bound.excess for bound in bounds], weights.tolist()).objective(space)
        if mean.reach().lowest > _CERTAIN:
            guilty = np.flatnonzero(weights > _WEIGHTY)
            nearest = tried[[int(np.argmin(beyond[:, guilty].max(axis=1)))]]
            return _contradiction(resources, [bounds[place].limit for place in guilty], nearest)
        if hoped_for <= 0:
            return None
        tried = np.vstack([tried, descend(space, mean.values, tried[-1])])
    return None


def _bounds(resources: SearchResources, limit: Limit) -> list[_Bound]:
    cost = linear_cost(resources, limit_column(limit))
    if cost is None:
        return []
    reach = cost.objective(resources.space).reach()
    scale = (reach.highest - reach.lowest) or 1.0
    sides = [(1.0, limit.maximum), (-1.0, limit.minimum)]
    return [_Bound(limit, _excess(cost, sign / scale, value)) for sign, value in sides if value is not None]


def _excess(cost: LinearCost, factor: float, bound: float) -> LinearCost:
    scaled = weighted([cost], [factor])
    return LinearCost(scaled.block, scaled.neighbours, scaled.fixed - factor * bound)


def _weights(beyond: Floats) -> tuple[Floats, float]:
    """Weights `(k,)` that sum to 1 with the highest least mean of the rows `(n, k)`, and that mean."""
    n, k = beyond.shape
    above = np.column_stack([-beyond, np.ones(n)])
    ones = np.append(np.ones(k), 0.0)[None, :]
    ranges = [(0.0, 1.0)] * k + [(None, None)]
    found = linprog(np.append(np.zeros(k), -1.0), above, np.zeros(n), ones, [1.0], bounds=ranges)
    weights = np.clip(found.x[:k], 0.0, None)
    return weights / weights.sum(), float(found.x[k])


def _contradiction(resources: SearchResources, limits: list[Limit], nearest: npt.NDArray[np.int64]) -> Contradiction:
    chosen = tuple(dict.fromkeys(limits))
    closest = {}
    for column in map(limit_column, chosen):
        cost = linear_cost(resources, column)
        if cost is not None:
            closest[str(column)] = float(cost.objective(resources.space).values(nearest)[0])
    return Contradiction(chosen, closest)
