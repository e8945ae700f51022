"""What is believed of the targets after some evaluations: one Gaussian process, or two that share their shape.

With cross-entropies the error is believed to be a share of the cross-entropy, which is known with less noise, and a
remainder of its own: both are functions with the same kernel but for its scale (linear model of coregionalisation,
Bonilla et al. 2008, with two terms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.predictor.covariance import Encoded, Floats, Hyperparameters, Kernel
from search.predictor.fast_mean import FastMean, fast_mean
from search.predictor.regression import GaussianProcess, condition, fit_hyperparameters, scale_and_noise

_FOLDS = 3
_COVERAGE = 0.9
_MOST_FOR_HYPERPARAMETERS = 400
"""More rows refine the hyperparameters little and cost their cube; the posterior uses all of them."""


@dataclass(frozen=True)
class Term:
    """A function that the target is a sum of, times `factor`."""

    factor: float
    process: GaussianProcess


@dataclass(frozen=True)
class Posterior:
    """A sum of independent terms whose kernels differ by a scale."""

    terms: Sequence[Term]

    @cached_property
    def mean(self) -> FastMean:
        """The mean as a function of encoded genomes."""
        first = self.terms[0].process
        weights = sum(term.factor * term.process.kernel.scale * term.process.weights for term in self.terms)
        return fast_mean(
            Kernel(first.kernel.hyperparameters, first.kernel.membership), first.encoded, np.asarray(weights)
        )

    def deviation(self, encoded: Encoded) -> Floats:
        """Standard deviation of a new noisy evaluation, `(n,)`."""
        return np.asarray(
            np.sqrt(sum(term.factor**2 * term.process.variance(encoded) for term in self.terms) + self.noise)
        )

    @property
    def noise(self) -> float:
        """Variance of the target's noise."""
        return sum(term.factor**2 * term.process.noise for term in self.terms)

    def left_out_scores(self) -> Floats:
        """For each training row its distance from its own leave-one-out mean in leave-one-out deviations, `(n,)`."""
        distances, variances = zip(*(term.process.left_out() for term in self.terms), strict=True)
        factors = [term.factor for term in self.terms]
        distance = sum(factor * each for factor, each in zip(factors, distances, strict=True))
        variance = sum(factor**2 * each for factor, each in zip(factors, variances, strict=True))
        return np.asarray(np.abs(distance) / np.sqrt(variance))


@dataclass(frozen=True)
class Shape:
    """What is learnt slowly: hyperparameters, and the factor on deviations that makes intervals honest."""

    hyperparameters: Hyperparameters
    widening: float

    def to_vector(self) -> Floats:
        """Logarithms, those of the hyperparameters first."""
        return np.append(self.hyperparameters.to_vector(), np.log(self.widening))

    @classmethod
    def from_vector(cls, logarithms: Floats, groups: int) -> Shape:
        """Read `to_vector` back; `groups` as for `Hyperparameters`."""
        return cls(Hyperparameters.from_vector(logarithms[:-1], groups), float(np.exp(logarithms[-1])))


def fit_shape(encoded: Encoded, targets: Floats, proxy: Floats | None, membership: Floats) -> Shape:
    """The mean logarithm of hyperparameters fitted three times, each without a third of the rows.

    One fit to all rows follows their noise, and so do its leave-one-out intervals, which came out too narrow for new
    genomes: the widening is what covers 90 % of the rows that neither process nor hyperparameters had seen.
    """
    order = np.random.default_rng(0).permutation(len(targets))
    fitted, scores = [], []
    for held_out in np.array_split(order, _FOLDS):
        rows = np.sort(order[~np.isin(order, held_out)][:_MOST_FOR_HYPERPARAMETERS])
        near = None if proxy is None else proxy[rows]
        found = fit_hyperparameters(encoded[rows], targets[rows] if near is None else near, membership)
        posterior = posterior_of(Kernel(found, membership), encoded[rows], targets[rows], near)
        test = held_out[:_MOST_FOR_HYPERPARAMETERS]
        scores.append(np.abs(targets[test] - posterior.mean(encoded[test])) / posterior.deviation(encoded[test]))
        fitted.append(found.to_vector())
    shape = Hyperparameters.from_vector(np.mean(fitted, axis=0), membership.shape[1])
    return Shape(shape, _widening(np.concatenate(scores)))


def posterior_of(kernel: Kernel, encoded: Encoded, targets: Floats, proxy: Floats | None) -> Posterior:
    """The posterior of targets `(n,)`, with a proxy `(n,)` of mean 0 and variance 1 that the kernel was fitted on."""
    noise = kernel.hyperparameters.noise
    if proxy is None:
        return Posterior((Term(1.0, condition(kernel, encoded, targets, noise)),))
    share = float(proxy @ targets / (proxy @ proxy))
    rest = targets - share * proxy
    scale, rest_noise = scale_and_noise(kernel, encoded, rest)
    remainder = Kernel(kernel.hyperparameters, kernel.membership, scale)
    first = Term(share, condition(kernel, encoded, proxy, noise))
    return Posterior((first, Term(1.0, condition(remainder, encoded, rest, rest_noise))))


def _widening(scores: Floats) -> float:
    """The factor on a deviation that covers 90 % of rows, with the finite-sample step of conformal prediction.

    Vovk, Gammerman and Shafer 2005; split conformal form in Lei et al. 2018.
    """
    rank = min(int(np.ceil(_COVERAGE * (len(scores) + 1))), len(scores))
    return max(float(np.sort(scores)[rank - 1]), 1e-3)
