"""The non-dominated set. Used by the engine after every generation; smaller is better in every column."""

from __future__ import annotations

import moocore
import numpy as np
import numpy.typing as npt

from search.space.base import Genomes


def non_dominated(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Mark the rows of `(n, m)` that no other row dominates, `(n,)`.

    Of equal rows the first counts; a row with a NaN never does. `O(n log n)` up to three columns (Kung, Luccio and
    Preparata 1975, as implemented by moocore).
    """
    marks = np.zeros(len(values), dtype=np.bool_)
    numbers = np.flatnonzero(~np.isnan(values).any(axis=1))
    if numbers.size and values.shape[1] == 1:
        marks[numbers[np.argmin(values[numbers, 0])]] = True
    elif numbers.size:
        marks[numbers] = moocore.is_nondominated(values[numbers])
    return marks


class RunningFront:
    """The front of all feasible candidates seen so far, in no particular order.

    Of candidates with equal objectives it keeps the one whose genome comes first in lexical order, whichever was seen
    first.
    """

    def __init__(self, genes: int, columns: int) -> None:
        self.genomes: Genomes = np.empty((0, genes), dtype=np.int64)
        self.values: npt.NDArray[np.float64] = np.empty((0, columns))

    def __len__(self) -> int:
        return len(self.genomes)

    def update(self, genomes: Genomes, values: npt.NDArray[np.float64]) -> bool:
        """Add feasible candidates, `(n, g)` and `(n, m)`; says whether the front has changed."""
        genomes, values = np.concatenate([self.genomes, genomes]), np.concatenate([self.values, values])
        kept = np.flatnonzero(_non_dominated_or_equal(values))
        if not (kept >= len(self)).any():
            return False
        kept = kept[_first_of_equals(genomes[kept], values[kept])]
        changed = len(kept) != len(self) or bool((kept >= len(self)).any())
        self.genomes, self.values = genomes[kept], values[kept]
        return changed

    def order(self) -> npt.NDArray[np.intp]:
        """The rows sorted by the first column, then by genome."""
        return np.lexsort((*self.genomes.T[::-1], self.values[:, 0]))


def _non_dominated_or_equal(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """As `non_dominated` of finite values, but of equal rows all count."""
    if values.shape[1] == 1 or not len(values):
        return np.asarray(values.ravel() == values.min(initial=np.inf))
    return np.asarray(moocore.is_nondominated(values, keep_weakly=True))


def _first_of_equals(genomes: Genomes, values: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Rows of a front, one of each distinct value, in their order: the first by genome."""
    order = np.lexsort(values.T)
    repeats = (values[order[1:]] == values[order[:-1]]).all(axis=1)
    if not repeats.any():
        return np.arange(len(values))
    order = np.lexsort((*genomes.T[::-1], *values.T))
    repeats = (values[order[1:]] == values[order[:-1]]).all(axis=1)
    return np.sort(order[np.concatenate([[True], ~repeats])])
