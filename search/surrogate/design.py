"""The first measurements, before there is a model: spread over the costs, and unlike each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.surrogate.candidates import Candidates

_DRAWN = 20


def first_rows(candidates: Candidates, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Up to n distinct rows: the cheapest candidate, then one from each of n - 1 ranges of the cost, low to high.

    The cheapest is on every front, and its error is the front's highest. The ranges are equally wide in the logarithm
    of the cost; of up to 20 random candidates in each, the one is taken that shares the fewest genes with any before.
    Cost is the first known objective; without one all are of like cost.
    """
    taken: list[int] = []
    place = np.zeros(len(candidates), dtype=np.int64)
    if candidates.known.shape[1] and len(candidates):
        order = np.lexsort((*candidates.genomes.T, *candidates.known.T[::-1]))
        taken.append(int(order[0]))
        place = _range_of_cost(candidates.known[:, 0], n - 1)
    while len(taken) < min(n, len(candidates)):
        open_rows = np.setdiff1d(np.arange(len(candidates)), taken)
        wanted = np.abs(place[open_rows] - len(taken) + 1)
        nearest = open_rows[wanted == wanted.min()]
        drawn = rng.choice(nearest, min(_DRAWN, len(nearest)), replace=False)
        taken.append(int(drawn[np.argmin(_likeness(candidates, drawn, taken))]))
    return np.array(taken, dtype=np.int64)


def _range_of_cost(costs: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.int64]:
    """Which of n ranges, equally wide in the logarithm, each cost lies in, `(n,)`."""
    logarithms = np.log1p(costs - costs.min()) if costs.min() <= 0 else np.log(costs)
    width = logarithms.max() - logarithms.min()
    share = (logarithms - logarithms.min()) / width if width > 0 else np.zeros(len(costs))
    return np.minimum((share * n).astype(np.int64), n - 1)


def _likeness(candidates: Candidates, drawn: npt.NDArray[np.int64], taken: list[int]) -> npt.NDArray[np.int64]:
    """The most genes that each drawn row shares with any taken one."""
    same = candidates.genomes[drawn][:, None, :] == candidates.genomes[taken]
    return np.asarray(same.sum(axis=2).max(axis=1, initial=0))
