"""Operator costs as a Bayesian linear model: `latency = fixed cost + counts @ operator costs + noise`.

Called by `estimate`. Everything is arrays here, so that other priors (other devices) and fewer data (few-shot) fit in.
Operators are `k`, networks `n`; times are in ms. The equations are those of Bishop, Pattern Recognition and Machine
Learning (2006), sections 3.3 and 3.5, with heteroscedastic noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]

NOISES = (0.003, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Candidates for the standard deviation of a network's latency, relative to it."""
PRIOR_WIDTHS = (0.01, 0.03, 0.06, 0.1, 0.2, 0.4)
"""Candidates for the standard deviation of an operator's cost around its prior, relative to the prior."""
LEAST_SHARE = 0.05
"""An operator is never thought to be cheaper than this share of its isolated time."""


@dataclass(frozen=True)
class Hyperparameters:
    """How isolated times become prior costs: `cost = scale * isolated - overhead`, and a call costs `call`."""

    scale: float
    overhead_ms: float
    call_ms: float
    prior_width: float
    noise: float


def fit_operator_costs(
    counts: Floats, latency_ms: Floats, prior_mean: Floats, prior_sd: Floats, noise: float
) -> Floats:
    """Most probable costs `(k,)` that are not negative, given whole networks.

    Args:
        counts: `(n, k)`, how often each network has each operator; a column of ones is the fixed cost. n may be 0.
        latency_ms: `(n,)`, finite and above 0.
        prior_mean: `(k,)`, at least 0.
        prior_sd: `(k,)`, above 0.
        noise: standard deviation of a latency relative to it.
    """
    weight = 1.0 / (noise * latency_ms)
    design = np.vstack([counts * weight[:, None] * prior_sd, np.eye(len(prior_mean))])
    target = np.concatenate([latency_ms * weight, prior_mean / prior_sd])
    solved: Floats = nnls(design, target)[0]
    return solved * prior_sd


def fit_hyperparameters(counts: Floats, latency_ms: Floats, isolated_ms: Floats) -> Hyperparameters:
    """Hyperparameters of highest marginal likelihood; scale, overhead and call cost have weak priors of their own.

    Args:
        counts: `(n, k)` without the fixed cost; n may be 0, which leaves the priors' means.
        latency_ms: `(n,)`.
        isolated_ms: `(k,)`, each operator measured alone in a session of its own, above 0.
    """
    base = 0.5 * float(isolated_ms.min())  # the cheapest operator bounds what a call alone can cost
    centre = np.array([1.0, base, base])
    spread = np.array([0.3, base, 4.0 * base])
    if not len(counts):
        return Hyperparameters(1.0, base, base, PRIOR_WIDTHS[2], NOISES[2])
    basis = np.column_stack([counts @ isolated_ms, -counts.sum(axis=1), np.ones(len(counts))])
    residual = latency_ms - basis @ centre
    best = (-np.inf, centre, PRIOR_WIDTHS[2], NOISES[2])
    for width, noise in product(PRIOR_WIDTHS, NOISES):
        scaled = counts * (width * isolated_ms)
        covariance = scaled @ scaled.T + (basis * spread**2) @ basis.T + np.diag((noise * latency_ms) ** 2)
        factor = cho_factor(covariance, lower=True)
        solved = cho_solve(factor, residual)
        evidence = -0.5 * float(residual @ solved) - float(np.log(np.diag(factor[0])).sum())
        if evidence > best[0]:
            best = (evidence, centre + spread**2 * (basis.T @ solved), width, noise)
    scale, overhead_ms, call_ms = best[1].tolist()
    return Hyperparameters(scale, max(overhead_ms, 0.0), max(call_ms, 0.0), best[2], best[3])


def fit_table_costs(counts: Floats, latency_ms: Floats, isolated_ms: Floats) -> Floats:
    """Fixed cost and operator costs in ms, `(1 + k,)`, from isolated operators `(k,)` and whole networks `(n, k)`."""
    fitted = fit_hyperparameters(counts, latency_ms, isolated_ms)
    scaled = max(fitted.scale, LEAST_SHARE) * isolated_ms
    operators = np.maximum(scaled - fitted.overhead_ms, LEAST_SHARE * scaled)
    prior_mean = np.concatenate([[fitted.call_ms], operators])
    call_sd = max(fitted.call_ms, 0.5 * float(isolated_ms.min()))
    prior_sd = np.concatenate([[call_sd], fitted.prior_width * isolated_ms])
    with_fixed = np.column_stack([np.ones(len(counts)), counts])
    return fit_operator_costs(with_fixed, latency_ms, prior_mean, prior_sd, fitted.noise)


def cross_validated_ms(counts: Floats, latency_ms: Floats, isolated_ms: Floats, folds: int) -> Floats:
    """Latency in ms of each network `(n,)`, predicted by a fit that did not see it, hyperparameters included."""
    predicted = np.empty(len(counts))
    fold_of = np.arange(len(counts)) % folds
    for fold in range(folds):
        out = fold_of == fold
        costs = fit_table_costs(counts[~out], latency_ms[~out], isolated_ms)
        predicted[out] = costs[0] + counts[out] @ costs[1:]
    return predicted
