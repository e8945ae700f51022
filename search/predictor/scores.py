"""A prior made of scores that some genomes of a space have, for example a supernet's cross-entropies.

Made by benchmarks and by whoever has evaluated many sub-networks and trained few: `ErrorPredictor.fit(..., prior=...)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.errors import PredictorError
from search.predictor.covariance import Floats
from search.predictor.encoding import Encoding, fit_encoding
from search.predictor.fast_mean import FastMean
from search.predictor.posterior import fit_shape, posterior_of
from search.space.base import GeneSpace, Genomes, check_genomes, genome_keys

FEWEST_SCORES = 10
_CHUNK = 2048
_MOST_SMOOTHED = 2500
"""More rows make the smooth part little better, at the cost of their cube."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The known score of a genome, standardised, and what the others let expect of one that has none."""

    known: dict[bytes, float]
    encoding: Encoding
    expected: FastMean

    def __call__(self, genomes: Genomes) -> Floats:
        """Scores, `(n, 2)`: as measured where known, and smoothed over the space."""
        starts = range(0, max(len(genomes), 1), _CHUNK)
        parts = [self.expected(self.encoding(genomes[start : start + _CHUNK])) for start in starts]
        smooth = np.concatenate(parts)
        pairs = zip(genome_keys(genomes), smooth.tolist(), strict=True)
        return np.column_stack([[self.known.get(key, expected) for key, expected in pairs], smooth])


def fit_scores(space: GeneSpace, genomes: npt.ArrayLike, scores: npt.ArrayLike) -> Scores:
    """A prior from distinct genomes `(n, g)` and their scores `(n,)`, each above 0: errors or cross-entropies.

    Raises:
        PredictorError: fewer than 10 scores, lengths that differ, or a score that is not finite and above 0.
        GenomeError: a genome that is not of the space.
    """
    checked = check_genomes(space, np.asarray(genomes))
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (len(checked),) or len(values) < FEWEST_SCORES:
        raise PredictorError(
            f"{len(checked)} genomes and scores of shape {values.shape}; at least {FEWEST_SCORES} each"
        )
    wrong = np.flatnonzero(~((values > 0) & np.isfinite(values)))
    if wrong.size:
        raise PredictorError(f"score {wrong[0]} is {values[wrong[0]]}; scores are above 0 and finite")
    logarithms = np.log(values)
    targets = (logarithms - logarithms.mean()) / (float(logarithms.std()) or 1.0)
    encoding = fit_encoding(space)
    rows = np.random.default_rng(0).permutation(len(checked))[:_MOST_SMOOTHED]
    encoded = encoding(checked[rows])
    shape = fit_shape(encoded, targets[rows], None, encoding.membership)
    posterior = posterior_of(shape, encoding.membership, encoded, targets[rows], None)
    known = dict(zip(genome_keys(checked), targets.tolist(), strict=True))
    return Scores(known, encoding, posterior.mean)
