"""Gaussian process regression: hyperparameters by marginal likelihood, then mean and variance in closed form.

Rasmussen and Williams 2006: algorithm 2.1, equation 5.9 (gradient).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from search.predictor.covariance import Encoded, Floats, Hyperparameters, Kernel

_ITERATIONS = 25

_BOUND = 7.0
_PRIOR_WIDTH = 1.0
_JITTER = 1e-6


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior over functions of encoded genomes; targets are expected around 0 with variance about 1."""

    kernel: Kernel
    noise: float
    encoded: Encoded
    weights: Floats
    """`K^-1 y`, `(n,)`."""
    factor: Floats
    """Lower Cholesky factor of K, noise included, `(n, n)`."""

    def mean(self, encoded: Encoded) -> Floats:
        """Posterior mean, `(n,)`, from the definition; `fast_mean.py` is what a search asks."""
        return np.asarray(self.kernel(encoded, self.encoded) @ self.weights)

    def variance(self, encoded: Encoded) -> Floats:
        """Variance of the function without noise, `(n,)`."""
        explained = solve_triangular(self.factor, self.kernel(self.encoded, encoded), lower=True, overwrite_b=True)
        return np.asarray(np.maximum(self.kernel.diagonal(encoded) - np.square(explained).sum(axis=0), 0.0))

    def solve(self, targets: Floats) -> Floats:
        """`K^-1` times columns, `(n, k)`."""
        return np.asarray(cho_solve((self.factor, True), targets))


def condition(kernel: Kernel, encoded: Encoded, targets: Floats, noise: float) -> GaussianProcess:
    """The posterior given targets `(n,)` with noise of this variance."""
    factor = _factor(kernel, encoded, noise)
    return GaussianProcess(kernel, noise, encoded, cho_solve(factor, targets), factor[0])


def fit_hyperparameters(encoded: Encoded, targets: Floats, membership: Floats) -> Hyperparameters:
    """Hyperparameters of the largest marginal likelihood under log-normal priors, from one fixed start."""
    groups = membership.shape[1]
    expected = _default(groups, encoded.summaries.shape[1]).to_vector()

    def loss(vector: Floats) -> tuple[float, Floats]:
        kernel = Kernel(Hyperparameters.from_vector(vector, groups), membership)
        evidence, gradient = _evidence(kernel, encoded, targets)
        away = (vector - expected) / _PRIOR_WIDTH
        return float(0.5 * away @ away - evidence), away / _PRIOR_WIDTH - gradient

    bounds = [(value - _BOUND, value + _BOUND) for value in expected]
    found = minimize(loss, expected, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS})
    return Hyperparameters.from_vector(np.asarray(found.x), groups)


def _default(groups: int, summaries: int) -> Hyperparameters:
    """Where the search begins and what it is drawn to: every column and every summary matters a little."""
    return Hyperparameters(
        linear=np.ones(groups),
        distance=np.ones(groups),
        lengths=np.full(summaries, np.sqrt(max(summaries, 1))),
        slopes=np.full(summaries, 0.5 / max(summaries, 1)),
        interaction=0.5,
        summary=0.5,
        noise=0.05,
    )


def _factor(kernel: Kernel, encoded: Encoded, noise: float) -> tuple[Floats, bool]:
    covariance = kernel(encoded, encoded)
    covariance[np.diag_indices_from(covariance)] += noise + _JITTER
    factor: tuple[Floats, bool] = cho_factor(covariance, lower=True, overwrite_a=True)
    return factor


def _inverse(factor: tuple[Floats, bool]) -> Floats:
    """The inverse from a lower Cholesky factor, at a third of the cost of solving for the identity."""
    lower, failed = dpotri(factor[0], lower=1)
    if failed:
        raise np.linalg.LinAlgError(f"dpotri: {failed}")
    return np.asarray(np.tril(lower) + np.tril(lower, -1).T)


def scale_and_noise(kernel: Kernel, encoded: Encoded, targets: Floats) -> tuple[float, float]:
    """The factor on the kernel and the noise of the largest marginal likelihood, the kernel's shape given."""
    values, vectors = eigh(kernel(encoded, encoded))
    squared, values = (vectors.T @ targets) ** 2, np.maximum(values, 0.0)
    whole = float(targets.var()) or 1.0

    def loss(vector: Floats) -> float:
        variances = np.exp(vector[0]) * values + np.exp(vector[1])
        return 0.5 * float((squared / variances + np.log(variances)).sum())

    start = np.log([0.5 * whole, 0.5 * whole])
    bounds = [(value - _BOUND, value + _BOUND) for value in start]
    scale, noise = np.exp(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x).tolist()
    return scale, noise


def _evidence(kernel: Kernel, encoded: Encoded, targets: Floats) -> tuple[float, Floats]:
    """Log marginal likelihood and its gradient by the log hyperparameters."""
    factor = _factor(kernel, encoded, kernel.hyperparameters.noise)
    weights = cho_solve(factor, targets)
    inverse = _inverse(factor)
    log_determinant = 2 * np.log(np.diag(factor[0])).sum()
    evidence = -0.5 * (targets @ weights + log_determinant + len(encoded) * np.log(2 * np.pi))
    outer = np.outer(weights, weights) - inverse
    noise = kernel.hyperparameters.noise * np.trace(outer)
    return float(evidence), 0.5 * np.append(kernel.derivatives(encoded, outer), noise)
