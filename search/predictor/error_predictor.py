"""ErrorPredictor: genome -> expected error with a 90 % interval, fitted on a supernet's evaluated sub-networks.

Fitted when the service starts (seconds; nothing is stored), asked by `search.objectives.error` and by `score`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.errors import PredictorError
from search.predictor.base import Prediction
from search.predictor.encoding import Encoding, fit_encoding
from search.predictor.gaussian_process import GaussianProcess, condition, fit_hyperparameters
from search.predictor.kernel import Encoded, Floats, Hyperparameters, Kernel
from search.space.base import Genomes, Space, check_genomes

FEWEST_EVALUATIONS = 20
_CHUNK = 2048
_COVERAGE = 0.9
_FOLDS = 3
_MOST_FOR_HYPERPARAMETERS = 400
"""More rows refine the hyperparameters little and cost their cube; the posterior uses all of them."""
_SMALLEST_ERROR = 1e-4


@dataclass(frozen=True)
class ErrorPredictor:
    """A Gaussian process on the log odds of the error.

    The interval is the process's own, widened or narrowed by one factor so that it covers 90 % of the training
    evaluations when each is left out. It speaks of an evaluation on the same images, their sampling noise included.
    """

    encoding: Encoding
    process: GaussianProcess
    centre: float
    spread: float
    widening: float

    @classmethod
    def fit(
        cls,
        space: Space,
        genomes: npt.ArrayLike,
        errors: npt.ArrayLike,
        seed: int = 0,
        hyperparameters: Floats | None = None,
    ) -> ErrorPredictor:
        """Fit on genomes `(n, g)` and their errors `(n,)`; the same input gives the same predictor on one machine.

        `seed` shuffles the rows into three folds. `hyperparameters` of an earlier fit on the same evaluations save
        nearly all of the time: a search's own process takes them from the server.

        Raises:
            PredictorError: fewer than 20 evaluations, lengths that differ, or an error that is not in [0, 1].
            GenomeError: a genome that is not of the space.
        """
        checked = check_genomes(space, np.asarray(genomes))
        log_odds = _to_log_odds(_check_errors(np.asarray(errors, dtype=np.float64), len(checked)))
        encoding = fit_encoding(space, checked)
        encoded = encoding(checked)
        centre, spread = float(log_odds.mean()), float(log_odds.std()) or 1.0
        targets = (log_odds - centre) / spread
        order = np.random.default_rng(seed).permutation(len(targets))
        if hyperparameters is None:
            hyperparameters = _average_over_folds(encoded, targets, encoding.gene_of_column, order).to_vector()
        chosen = Hyperparameters.from_vector(hyperparameters, int(encoding.gene_of_column.max()) + 1)
        process = condition(Kernel(chosen, encoding.gene_of_column), encoded, targets)
        return cls(encoding, process, centre, spread, _widening(process.left_out_scores()))

    @property
    def hyperparameters(self) -> Floats:
        """Logarithms of the fitted hyperparameters, in the order of `kernel.Hyperparameters`."""
        return self.process.kernel.hyperparameters.to_vector()

    def mean(self, genomes: Genomes) -> Floats:
        """Expected error only, `(n,)`: the cheap form that a search asks for every candidate."""
        parts = [self.process.mean(self.encoding(part)) for part in _chunks(genomes)]
        return self._to_error(np.concatenate(parts))

    def predict(self, genomes: Genomes) -> Prediction:
        """Expected error with its 90 % interval."""
        parts = [
            (self.process.mean(part), self.process.deviation(part)) for part in map(self.encoding, _chunks(genomes))
        ]
        mean, deviation = np.concatenate(parts, axis=1)
        half = self.widening * deviation
        return Prediction(self._to_error(mean), self._to_error(mean - half), self._to_error(mean + half))

    def _to_error(self, standardised: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-(self.centre + self.spread * standardised))))


def _average_over_folds(
    encoded: Encoded, targets: Floats, gene_of_column: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> Hyperparameters:
    """The mean logarithm of hyperparameters fitted three times, each without a third of the rows.

    One fit to all rows follows their noise: its leave-one-out intervals came out too narrow for new genomes.
    """
    fitted = []
    for fold in range(_FOLDS):
        others = np.concatenate([part for place, part in enumerate(np.array_split(order, _FOLDS)) if place != fold])
        rows = np.sort(others[:_MOST_FOR_HYPERPARAMETERS])
        fitted.append(fit_hyperparameters(encoded[rows], targets[rows], gene_of_column).to_vector())
    return Hyperparameters.from_vector(np.mean(fitted, axis=0), int(gene_of_column.max()) + 1)


def _chunks(genomes: Genomes) -> list[Genomes]:
    """At most 2,048 rows at a time, to bound memory; one empty chunk for no rows."""
    return [genomes[start : start + _CHUNK] for start in range(0, max(len(genomes), 1), _CHUNK)]


def _to_log_odds(errors: Floats) -> Floats:
    clipped = np.clip(errors, _SMALLEST_ERROR, 1 - _SMALLEST_ERROR)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _check_errors(errors: Floats, n: int) -> Floats:
    if errors.shape != (n,):
        raise PredictorError(f"{n} genomes need {n} errors, not an array of shape {errors.shape}")
    if n < FEWEST_EVALUATIONS:
        raise PredictorError(f"{n} evaluations are too few; evaluate at least {FEWEST_EVALUATIONS} sub-networks")
    wrong = np.flatnonzero(~((errors >= 0) & (errors <= 1)))
    if wrong.size:
        raise PredictorError(f"evaluation {wrong[0]} has error {errors[wrong[0]]}; errors are fractions in [0, 1]")
    return errors


def _widening(scores: Floats) -> float:
    """The factor on a deviation that covers 90 % of left-out rows, with the finite-sample step of conformal prediction.

    Vovk, Gammerman and Shafer 2005; split conformal form in Lei et al. 2018.
    """
    rank = min(int(np.ceil(_COVERAGE * (len(scores) + 1))), len(scores))
    return float(np.sort(scores)[rank - 1])
