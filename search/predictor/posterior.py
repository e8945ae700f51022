"""What is believed of the targets after some evaluations: one Gaussian process, or two that share their shape.

With cross-entropies the error is believed to be a share of the cross-entropy, which is known with less noise, and a
remainder of its own: both are functions with the same kernel but for its scale (linear model of coregionalisation,
Bonilla et al. 2008, with two terms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from search.predictor.covariance import Encoded, Floats, Hyperparameters, Kernel
from search.predictor.fast_mean import FastMean, fast_mean
from search.predictor.regression import GaussianProcess, condition, fit_hyperparameters, scale_and_noise

_FOLDS = 3
_COVERAGE = 0.9
_MOST_ROWS = 300
"""In a fit of hyperparameters: more rows refine them little and cost their cube; the posterior uses all of them."""


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


@dataclass(frozen=True)
class Shape:
    """What is learnt slowly.

    Attributes:
        hyperparameters: of the targets, or of their proxy where there is one.
        scale: of the kernel of what the targets have beside the proxy.
        noise: of the same.
        widening: the factor on deviations that makes intervals honest.
    """

    hyperparameters: Hyperparameters
    scale: float
    noise: float
    widening: float

    def to_vector(self) -> Floats:
        """Logarithms, those of the hyperparameters first."""
        return np.append(self.hyperparameters.to_vector(), np.log([self.scale, self.noise, self.widening]))

    @classmethod
    def from_vector(cls, logarithms: Floats, groups: int) -> Shape:
        """Read `to_vector` back; `groups` as for `Hyperparameters`."""
        scale, noise, widening = np.exp(logarithms[-3:]).tolist()
        return cls(Hyperparameters.from_vector(logarithms[:-3], groups), scale, noise, widening)


def fit_shape(encoded: Encoded, targets: Floats, proxy: Floats | None, membership: Floats) -> Shape:
    """The mean logarithm of hyperparameters fitted three times, each without a third of the rows.

    One fit to all rows follows their noise, and so do its leave-one-out intervals, which came out too narrow for new
    genomes: the widening is what covers 90 % of the rows that neither process nor hyperparameters had seen.
    """
    order = np.random.default_rng(0).permutation(len(targets))
    fitted, scores = [], []
    for held_out in np.array_split(order, _FOLDS):
        rows = np.sort(order[~np.isin(order, held_out)][:_MOST_ROWS])
        near = None if proxy is None else proxy[rows]
        shape = _fit_once(encoded[rows], targets[rows], near, membership)
        posterior = posterior_of(shape, membership, encoded[rows], targets[rows], near)
        test = held_out[:_MOST_ROWS]
        scores.append(np.abs(targets[test] - posterior.mean(encoded[test])) / posterior.deviation(encoded[test]))
        fitted.append(shape.to_vector())
    mean = Shape.from_vector(np.mean(fitted, axis=0), membership.shape[1])
    return replace(mean, widening=_widening(np.concatenate(scores)))


def posterior_of(
    shape: Shape, membership: Floats, encoded: Encoded, targets: Floats, proxy: Floats | None
) -> Posterior:
    """The posterior of targets `(n,)`, with a proxy `(n,)` of mean 0 where the shape was fitted with one."""
    kernel, noise = Kernel(shape.hyperparameters, membership), shape.hyperparameters.noise
    if proxy is None:
        return Posterior((Term(1.0, condition(kernel, encoded, targets, noise)),))
    share = _share(targets, proxy)
    first = Term(share, condition(kernel, encoded, proxy, noise))
    remainder = replace(kernel, scale=shape.scale)
    return Posterior((first, Term(1.0, condition(remainder, encoded, targets - share * proxy, shape.noise))))


def _fit_once(encoded: Encoded, targets: Floats, proxy: Floats | None, membership: Floats) -> Shape:
    if proxy is None:
        return Shape(fit_hyperparameters(encoded, targets, membership), 1.0, 1.0, 1.0)
    found = fit_hyperparameters(encoded, proxy, membership)
    rest = targets - _share(targets, proxy) * proxy
    scale, noise = scale_and_noise(Kernel(found, membership), encoded, rest)
    return Shape(found, scale, noise, 1.0)


def _share(targets: Floats, proxy: Floats) -> float:
    return float(proxy @ targets / max(float(proxy @ proxy), 1e-12))


def _widening(scores: Floats) -> float:
    """The factor on a deviation that covers 90 % of rows, with the finite-sample step of conformal prediction.

    Vovk, Gammerman and Shafer 2005; split conformal form in Lei et al. 2018.
    """
    rank = min(int(np.ceil(_COVERAGE * (len(scores) + 1))), len(scores))
    return max(float(np.sort(scores)[rank - 1]), 1e-3)
