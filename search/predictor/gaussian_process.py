"""Gaussian process regression: hyperparameters by marginal likelihood, then mean and variance in closed form.

Rasmussen and Williams 2006: algorithm 2.1, equations 5.9 (gradient), 5.12 (leave-one-out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from search.predictor.kernel import Encoded, Floats, Hyperparameters, Kernel

_ITERATIONS = 80
_BOUND = 9.0
_PRIOR_WIDTH = 2.0
_JITTER = 1e-8


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior over functions of encoded genomes; targets are expected around 0 with variance about 1."""

    kernel: Kernel
    encoded: Encoded
    weights: Floats
    """`K^-1 y`, `(n,)`."""
    inverse: Floats
    """`K^-1`, `(n, n)`, noise included in K."""

    def mean(self, encoded: Encoded) -> Floats:
        """Posterior mean, `(n,)`. The linear parts are folded into one weight per column."""
        chosen = self.kernel.hyperparameters
        columns = chosen.linear[self.kernel.gene_of_column] * (self.encoded.one_hot.T @ self.weights)
        slopes = chosen.slope * (self.encoded.features.T @ self.weights)
        linear: Floats = encoded.one_hot @ columns + encoded.features @ slopes
        return np.asarray(linear + self.kernel.curved(encoded, self.encoded) @ self.weights)

    def deviation(self, encoded: Encoded) -> Floats:
        """Standard deviation of a new noisy evaluation, `(n,)`."""
        covariance = self.kernel(encoded, self.encoded)
        explained = np.einsum("ij,ij->i", covariance @ self.inverse, covariance)
        noise = self.kernel.hyperparameters.noise
        return np.asarray(np.sqrt(np.maximum(self.kernel.diagonal(encoded) - explained, 0.0) + noise))

    def left_out_scores(self) -> Floats:
        """For each training row its distance from its own leave-one-out mean in leave-one-out deviations, `(n,)`."""
        return np.asarray(np.abs(self.weights) / np.sqrt(np.diag(self.inverse)))


def condition(kernel: Kernel, encoded: Encoded, targets: Floats) -> GaussianProcess:
    """The posterior given targets `(n,)`."""
    factor = _factor(kernel, encoded)
    return GaussianProcess(kernel, encoded, cho_solve(factor, targets), _inverse(factor))


def fit_hyperparameters(encoded: Encoded, targets: Floats, gene_of_column: npt.NDArray[np.int64]) -> Hyperparameters:
    """Hyperparameters of the largest marginal likelihood under wide log-normal priors, from one fixed start."""
    genes = int(gene_of_column.max()) + 1
    start = _start(genes, encoded.features.shape[1]).to_vector()

    def loss(vector: Floats) -> tuple[float, Floats]:
        kernel = Kernel(Hyperparameters.from_vector(vector, genes), gene_of_column)
        evidence, gradient = _evidence(kernel, encoded, targets)
        away = (vector - start) / _PRIOR_WIDTH
        return float(0.5 * away @ away - evidence), away / _PRIOR_WIDTH - gradient

    bounds = [(value - _BOUND, value + _BOUND) for value in start]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS})
    return Hyperparameters.from_vector(np.asarray(found.x), genes)


def _start(genes: int, features: int) -> Hyperparameters:
    return Hyperparameters(
        linear=np.full(genes, 0.5 / genes),
        distance=np.full(genes, 2.0 / genes),
        lengths=np.full(features, 2.0),
        interaction=0.2,
        summary=0.3,
        slope=0.1,
        noise=0.05,
    )


def _factor(kernel: Kernel, encoded: Encoded) -> tuple[Floats, bool]:
    covariance = kernel(encoded, encoded)
    covariance[np.diag_indices_from(covariance)] += kernel.hyperparameters.noise + _JITTER
    factor: tuple[Floats, bool] = cho_factor(covariance, lower=True)
    return factor


def _inverse(factor: tuple[Floats, bool]) -> Floats:
    """The inverse from a lower Cholesky factor, at a third of the cost of solving for the identity."""
    lower, failed = dpotri(factor[0], lower=1)
    if failed:
        raise np.linalg.LinAlgError(f"dpotri: {failed}")
    return np.asarray(np.tril(lower) + np.tril(lower, -1).T)


def _evidence(kernel: Kernel, encoded: Encoded, targets: Floats) -> tuple[float, Floats]:
    """Log marginal likelihood and its gradient by the log hyperparameters."""
    factor = _factor(kernel, encoded)
    weights = cho_solve(factor, targets)
    inverse = _inverse(factor)
    log_determinant = 2 * np.log(np.diag(factor[0])).sum()
    evidence = -0.5 * (targets @ weights + log_determinant + len(encoded) * np.log(2 * np.pi))
    outer = np.outer(weights, weights) - inverse
    noise = kernel.hyperparameters.noise * np.trace(outer)
    return float(evidence), 0.5 * np.append(kernel.derivatives(encoded, outer), noise)
