"""Survival of NSGA-II: who stays, best first (Deb et al. 2002, sections III-A, III-B and VI). Called by `nsga2.py`."""

from __future__ import annotations

import moocore
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


def best_first(values: Floats, violation: Floats, size: int) -> Rows:
    """At most `size` rows in the order of the crowded comparison, the best one first.

    Feasible rows come before infeasible ones (Deb's rule): the feasible by front, and within a front the less crowded
    first; the infeasible by violation. Of rows that are equal in all of this the first comes first.

    Args:
        values: objectives `(n, m)`, minimised and finite.
        violation: `(n,)`, 0 for a candidate that keeps all limits.
        size: of the population.
    """
    feasible = np.flatnonzero(violation <= 0)
    chosen = feasible[_by_front_and_crowding(values[feasible], size)]
    if len(chosen) < size:
        infeasible = np.flatnonzero(violation > 0)
        nearest = infeasible[np.argsort(violation[infeasible], kind="stable")]
        chosen = np.concatenate([chosen, nearest[: size - len(chosen)]])
    return chosen


def _by_front_and_crowding(values: Floats, size: int) -> Rows:
    if values.shape[1] == 1 or not len(values):
        return np.argsort(values.ravel(), kind="stable")[:size]
    ranks = moocore.pareto_rank(values)
    order = np.argsort(ranks, kind="stable")
    ends = np.cumsum(np.bincount(ranks))
    chosen: list[Rows] = []
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        front = order[start:end]
        if len(front) > 1:
            front = front[np.argsort(-crowding_distances(values[front]), kind="stable")]
        chosen.append(front)
        if end >= size:
            break
    return np.concatenate(chosen)[:size]


def crowding_distances(values: Floats) -> Floats:
    """How far the neighbours of each row of a front `(n, m)` are apart, `(n,)`; infinite at the ends of a column.

    Deb et al. 2002, section III-B. A column in which all rows are equal says nothing and adds nothing.
    """
    if len(values) <= 2:
        return np.full(len(values), np.inf)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    spans = ordered[-1] - ordered[0]
    gaps = np.full(values.shape, np.inf)
    gaps[1:-1] = ordered[2:] - ordered[:-2]
    varies = spans > 0
    gaps[:, varies] /= spans[varies]
    gaps[:, ~varies] = 0.0
    distances = np.empty_like(gaps)
    np.put_along_axis(distances, order, gaps, axis=0)
    return np.asarray(distances.sum(axis=1))
