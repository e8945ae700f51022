"""Error of a genome as the predictor expects it, and the range it can reach in the space, found by greedy descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.objectives.descent import descend
from search.objectives.sums import Reach
from search.predictor.base import Predictor
from search.space.base import Genomes, Space, random_genomes

_SAMPLE = 2000


@dataclass(frozen=True)
class ErrorObjective:
    """The predictor's mean."""

    space: Space
    predictor: Predictor

    def values(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Expected error, `(n,)`."""
        return self.predictor.mean(genomes)

    def reach(self) -> Reach:
        """An estimate: 2,000 random genomes, the best and the worst improved gene by gene until no change helps.

        It depends on space and predictor alone (the sample has a seed of its own), so that hypervolumes of searches
        with different seeds can be compared. Values that are not finite are passed over.
        """
        sample = random_genomes(self.space, _SAMPLE, np.random.default_rng(0))
        errors = self.values(sample)
        finite = np.isfinite(errors)
        if not finite.any():
            return Reach(0.0, 1.0, exact=False)
        sample, errors = sample[finite], errors[finite]
        lowest = descend(self.space, self.values, sample[np.argmin(errors)])
        highest = descend(self.space, lambda genomes: -self.values(genomes), sample[np.argmax(errors)])
        low, high = self.values(np.stack([lowest, highest])).tolist()
        return Reach(low, high, exact=False)
