"""ErrorPredictor: genome -> expected error with a 90 % interval, fitted on evaluated networks of a space.

Fitted when the service starts (seconds; nothing is stored), asked by `search.objectives.error` and by `score`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.errors import PredictorError
from search.predictor.base import Prediction
from search.predictor.covariance import Encoded, Floats
from search.predictor.draws import draw
from search.predictor.encoding import Encoding, Prior, fit_encoding
from search.predictor.posterior import Posterior, Shape, fit_shape, posterior_of
from search.predictor.warp import Warp, fit_warp
from search.space.base import GeneSpace, Genomes, check_genomes

FEWEST_EVALUATIONS = 10
_CHUNK = 2048


@dataclass(frozen=True)
class ErrorPredictor:
    """A Gaussian process on warped errors.

    The interval is the process's own, widened or narrowed by one factor so that it covers 90 % of the training
    evaluations that were left out when it was fitted. It speaks of an evaluation on the same images, their sampling
    noise included.
    """

    encoding: Encoding
    posterior: Posterior
    warp: Warp
    shape: Shape

    @classmethod
    def fit(
        cls,
        space: GeneSpace,
        genomes: npt.ArrayLike,
        errors: npt.ArrayLike,
        hyperparameters: Floats | None = None,
        prior: Prior | None = None,
        cross_entropy: npt.ArrayLike | None = None,
    ) -> ErrorPredictor:
        """Fit on genomes `(n, g)` and their errors `(n,)`; the same input gives the same predictor on one machine.

        Args:
            space: of these genomes; a table has its known costs, a chain those of its blocks.
            genomes: distinct or not, `(n, g)`.
            errors: fractions, `(n,)`.
            hyperparameters: of an earlier fit on the same or fewer evaluations; they save nearly all of the time.
                Those of another kind of fit are passed over.
            prior: a cheap score of every genome, for example a supernet's cross-entropy. How much it says is learnt.
            cross_entropy: of the same evaluations in nats, `(n,)`: less noisy than the error, and followed by it.

        Raises:
            PredictorError: fewer than 10 evaluations, lengths that differ, an error that is not in [0, 1], a
                cross-entropy that is not above 0, or a score that is not finite.
            GenomeError: a genome that is not of the space.
        """
        checked = check_genomes(space, np.asarray(genomes))
        values = _check_errors(np.asarray(errors, dtype=np.float64), len(checked))
        encoding = fit_encoding(space, prior)
        encoded = encoding(checked)
        warp = fit_warp(values)
        targets, proxy = warp.forward(values), None
        if cross_entropy is not None:
            proxy = _standardised(_check_cross_entropy(np.asarray(cross_entropy, dtype=np.float64), len(checked)))
        shape = _known_shape(encoding, encoded, hyperparameters)
        if shape is None:
            shape = fit_shape(encoded, targets, proxy, encoding.membership)
        posterior = posterior_of(shape, encoding.membership, encoded, targets, proxy)
        return cls(encoding, posterior, warp, shape)

    @property
    def hyperparameters(self) -> Floats:
        """What `fit` takes back: logarithms, in the order of `posterior.Shape`."""
        return self.shape.to_vector()

    def mean(self, genomes: Genomes) -> Floats:
        """Expected error only, `(n,)`: the cheap form that a search asks for every candidate."""
        parts = [self.posterior.mean(self.encoding(part)) for part in _chunks(genomes)]
        return self.warp.inverse(np.concatenate(parts))

    def predict(self, genomes: Genomes) -> Prediction:
        """Expected error with its 90 % interval."""
        parts = [
            (self.posterior.mean(part), self.posterior.deviation(part)) for part in map(self.encoding, _chunks(genomes))
        ]
        mean, deviation = np.concatenate(parts, axis=1)
        half = self.shape.widening * deviation
        return Prediction(*(self.warp.inverse(targets) for targets in (mean, mean - half, mean + half)))

    def sample(self, genomes: Genomes, count: int, rng: np.random.Generator) -> Floats:
        """Errors of all these genomes under functions drawn from the posterior, without noise: `(count, n)`."""
        drawn = draw(self.posterior, count, rng)
        parts = [drawn(self.encoding(part)) for part in _chunks(genomes)]
        return self.warp.inverse(np.concatenate(parts, axis=1))


def _known_shape(encoding: Encoding, encoded: Encoded, known: Floats | None) -> Shape | None:
    """What an earlier fit learnt, if it was one of this kind."""
    groups, summaries = encoding.membership.shape[1], encoded.summaries.shape[1]
    if known is None or np.shape(known) != (2 * groups + 2 * summaries + 6,) or not np.isfinite(known).all():
        return None
    return Shape.from_vector(np.asarray(known, dtype=np.float64), groups)


def _chunks(genomes: Genomes) -> list[Genomes]:
    """At most 2,048 rows at a time, to bound memory; one empty chunk for no rows."""
    return [genomes[start : start + _CHUNK] for start in range(0, max(len(genomes), 1), _CHUNK)]


def _check_errors(errors: Floats, n: int) -> Floats:
    if errors.shape != (n,):
        raise PredictorError(f"{n} genomes need {n} errors, not an array of shape {errors.shape}")
    if n < FEWEST_EVALUATIONS:
        raise PredictorError(f"{n} evaluations are too few; evaluate at least {FEWEST_EVALUATIONS} sub-networks")
    wrong = np.flatnonzero(~((errors >= 0) & (errors <= 1)))
    if wrong.size:
        raise PredictorError(f"evaluation {wrong[0]} has error {errors[wrong[0]]}; errors are fractions in [0, 1]")
    return errors


def _check_cross_entropy(values: Floats, n: int) -> Floats:
    if values.shape != (n,):
        raise PredictorError(f"{n} genomes need {n} cross-entropies, not an array of shape {values.shape}")
    wrong = np.flatnonzero(~((values > 0) & np.isfinite(values)))
    if wrong.size:
        raise PredictorError(f"evaluation {wrong[0]} has cross-entropy {values[wrong[0]]}; it is above 0 and finite")
    return values


def _standardised(cross_entropy: Floats) -> Floats:
    logarithm = np.log(cross_entropy)
    return np.asarray((logarithm - logarithm.mean()) / (float(logarithm.std()) or 1.0))
