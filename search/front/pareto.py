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
    """The front of all feasible candidates seen so far.

    Of candidates with equal objectives it keeps the one whose genome comes first in lexical order, whichever was seen
    first.
    """

    def __init__(self, genes: int, columns: int) -> None:
        self.genomes: Genomes = np.empty((0, genes), dtype=np.int64)
        self.values: npt.NDArray[np.float64] = np.empty((0, columns))

    def __len__(self) -> int:
        return len(self.genomes)

    def update(self, genomes: Genomes, values: npt.NDArray[np.float64]) -> None:
        """Add feasible candidates, `(n, g)` and `(n, m)`; the front stays sorted by genome."""
        genomes, values = np.concatenate([self.genomes, genomes]), np.concatenate([self.values, values])
        order = np.lexsort(genomes.T[::-1])
        genomes, values = genomes[order], values[order]
        kept = non_dominated(values)
        self.genomes, self.values = genomes[kept], values[kept]
