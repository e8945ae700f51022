"""What is believed about the errors of candidates that were not measured, kept up to date measurement by measurement.

A Gaussian process on warped errors, as in the predictor; what it expects is handed on as a log-normal error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular

from search.predictor.covariance import Encoded, Floats, Kernel
from search.predictor.regression import fit_hyperparameters
from search.predictor.warp import fit_warp
from search.surrogate.acquisition import LogNormal

_SMALLEST_VARIANCE = 1e-9
_SMALLEST_DEVIATION = 1e-6


class Model:
    """A process fitted on measured candidates."""

    def __init__(self, encoded: Encoded, errors: Floats, membership: Floats) -> None:
        self.warp = fit_warp(errors)
        targets = self.warp.forward(errors)
        self.kernel = Kernel(fit_hyperparameters(encoded, targets, membership), membership)
        self._encoded = encoded
        covariance = self.kernel(encoded, encoded)
        covariance[np.diag_indices_from(covariance)] += self.noise
        self._factor = cholesky(covariance, lower=True)
        self._whitened = solve_triangular(self._factor, targets, lower=True)

    @property
    def noise(self) -> float:
        """Variance of a measurement, of warped errors."""
        return self.kernel.hyperparameters.noise + _SMALLEST_VARIANCE

    def median(self, candidates: Encoded) -> Floats:
        """Errors that are as likely too high as too low, `(n,)`."""
        weights = solve_triangular(self._factor, self._whitened, lower=True, trans="T")
        mean = weights @ self.kernel(self._encoded, candidates)
        return self.warp.inverse(mean)

    def beliefs(self, candidates: Encoded) -> Beliefs:
        """About n candidates."""
        explained = solve_triangular(self._factor, self.kernel(self._encoded, candidates), lower=True)
        variance = self.kernel.diagonal(candidates) - (explained**2).sum(axis=0)
        return Beliefs(self, candidates, explained, (self._whitened @ explained, variance))


class Beliefs:
    """Mean and variance for n candidates, conditioned on one more of them at a time."""

    def __init__(self, model: Model, candidates: Encoded, explained: Floats, moments: tuple[Floats, Floats]) -> None:
        self._model = model
        self._candidates = candidates
        self._explained = explained
        self._mean, self._variance = moments

    @property
    def log_normal(self) -> LogNormal:
        """Of the errors that would be measured, noise included."""
        inverse, deviation = self._model.warp.inverse, np.sqrt(np.maximum(self._variance, 0.0) + self._model.noise)
        mean = np.log(inverse(self._mean))
        # As far below as errors better than expected lie: what is gained lies there.
        return LogNormal(mean, np.maximum(mean - np.log(inverse(self._mean - deviation)), _SMALLEST_DEVIATION))

    def take(self, rows: npt.NDArray[np.int64]) -> Beliefs:
        """About these candidates alone, in their order."""
        moments = self._mean[rows], self._variance[rows]
        return Beliefs(self._model, self._candidates[rows], self._explained[:, rows], moments)

    def observe(self, row: int, error: float) -> None:
        """Condition on a measured error of candidate `row`; the hyperparameters stay as they are."""
        covariance = self._model.kernel(self._candidates[np.array([row])], self._candidates)[0]
        scale = np.sqrt(max(self._variance[row], 0.0) + self._model.noise)
        explained = (covariance - self._explained[:, row] @ self._explained) / scale
        surprise = (self._model.warp.forward(np.array([error]))[0] - self._mean[row]) / scale
        self._explained = np.vstack([self._explained, explained])
        self._mean = self._mean + surprise * explained
        self._variance = self._variance - explained**2
