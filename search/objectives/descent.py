"""Steepest descent over single-gene changes: exact for sums over genes, a good start for anything else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes, Space


def neighbours(space: Space, genome: npt.NDArray[np.int64]) -> Genomes:
    """Every genome that differs from this one in at most one gene, itself included: `(sum of n_choices, g)`."""
    genes = np.repeat(np.arange(len(space.n_choices)), space.n_choices)
    starts = np.cumsum(space.n_choices) - space.n_choices
    changed = np.tile(genome, (len(genes), 1))
    changed[np.arange(len(genes)), genes] = np.arange(len(genes)) - starts[genes]
    return changed


def descend(
    space: Space, values: Callable[[Genomes], npt.NDArray[np.float64]], start: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Take the best single-gene change until none lowers the value; one that is NaN or infinite is never taken."""
    genome, best = start, np.inf
    while True:
        around = neighbours(space, genome)
        around_values = values(around)
        around_values = np.where(np.isfinite(around_values), around_values, np.inf)
        chosen = int(np.argmin(around_values))
        if not around_values[chosen] < best:
            return genome
        genome, best = around[chosen], float(around_values[chosen])
