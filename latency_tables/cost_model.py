"""The one model behind every latency table: operator costs as a Bayesian linear model.

Part `latency_tables/` of the way of the data (DESIGN.md, section 5). Called by `estimate` (full tables: the prior comes
from operators measured alone) and by `few_shot` (the prior comes from the tables of other devices). Everything is
arrays: n networks, k costs (the fixed cost is one of them, its column of `counts` is all ones), times in ms.

    costs   = scale * (mean + basis @ a + width * own * b),   a, b ~ N(0, 1)
    latency = counts @ costs + noise * latency * c,           c ~ Student's t, 6 degrees of freedom

Width and noise are not chosen but averaged over, weighted by their evidence (Bishop 2006, sections 3.3 to 3.5; Hoeting
et al. 1999); Student's t makes one disturbed measurement count little (Lange et al. 1989).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, cholesky
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]

NOISES = np.geomspace(0.002, 0.4, 15)
"""Candidates for the standard deviation of a latency, relative to it."""
FREEDOM = 6.0
NORMAL_90 = 1.6449
"""Half-width of a central 90 % interval of the normal distribution, in standard deviations."""
COVERAGE = 0.9
QUANTILE_PRIOR = 20.0
"""How many networks the normal distribution's quantile counts for."""
LEAST_SHARE = 1e-3
"""Fits of a smaller share in the evidence add nothing that one could see."""


@dataclass(frozen=True)
class CostPrior:
    """What is thought of the costs before any network of the device was measured.

    Attributes:
        mean: `(k,)`.
        basis: `(k, r)`, directions in which whole groups of costs move together, each one standard deviation long.
        own: `(k,)`, how far each cost may lie from all that by itself; multiplied by one of `widths`.
        widths: candidates; `middle_width` is the likely one, `width_spread` the standard deviation of its logarithm.
        middle_noise: the likely noise; `noise_spread` the standard deviation of its logarithm.
        scaled: mean, basis and own are known up to a common factor, which the measured networks tell.
    """

    mean: Floats
    basis: Floats
    own: Floats
    widths: tuple[float, ...]
    middle_width: float
    width_spread: float
    middle_noise: float
    noise_spread: float
    scaled: bool

    def covariance(self) -> Floats:
        """Covariance of the costs `(k, k)` at the likely width."""
        return np.asarray(self.basis @ self.basis.T + np.diag(np.square(self.middle_width * self.own)))


@dataclass(frozen=True)
class CostPosterior:
    """What is known of the costs afterwards.

    Attributes:
        mean: `(k,)` in ms; `factor` `(k, r)` with `factor @ factor.T` their covariance.
        noise: standard deviation of a measured latency around the sum, relative to it.
        quantile: half-width of the 90 % interval in standard deviations.
        evidence: logarithm of the probability of what was measured; compares readings of the same measurement.
    """

    mean: Floats
    factor: Floats
    noise: float
    quantile: float
    evidence: float

    def predict_ms(self, counts: Floats) -> Floats:
        """Latency of networks `(n, k)` in ms, `(n,)`."""
        return np.asarray(counts @ self.mean)

    def variance(self, counts: Floats) -> Floats:
        """Variance of a measured latency of networks `(n, k)` in ms^2, `(n,)`."""
        unknown = np.square(counts @ self.factor).sum(axis=1)
        return np.asarray(unknown + np.square(self.noise * self.predict_ms(counts)))

    def half_width_ms(self, counts: Floats) -> Floats:
        """Half-width of the 90 % interval of networks `(n, k)` in ms, `(n,)`."""
        return np.asarray(self.quantile * np.sqrt(self.variance(counts)))


def fit_costs(counts: Floats, latency_ms: Floats, prior: CostPrior) -> CostPosterior:
    """Costs given whole networks, from none to some thousands.

    Args:
        counts: `(n, k)`, how often each network has each operator; the fixed cost is a column of ones.
        latency_ms: `(n,)`, finite and above 0.
        prior: of the k costs.

    Raises:
        ValueError: shapes do not fit, a latency is not finite and above 0, or the prior's unit is not known (`scaled`)
            and no network was measured.
    """
    _check(counts, latency_ms, prior)
    scale = float(np.median(latency_ms / (counts @ prior.mean))) if prior.scaled else 1.0
    weights = np.ones(len(counts))
    for _ in range(2):
        measured = _measured(counts, latency_ms, prior, scale, weights)
        likeliest = max(_fits(measured), key=lambda fit: fit.evidence)
        off = (latency_ms - counts @ likeliest.mean) / (latency_ms * likeliest.noise)
        weights = (FREEDOM + 1) / (FREEDOM + np.square(off))
    measured = _measured(counts, latency_ms, prior, scale, weights)
    return _average(measured, list(_fits(measured)))


def _check(counts: Floats, latency_ms: Floats, prior: CostPrior) -> None:
    if counts.ndim != 2 or counts.shape != (len(latency_ms), len(prior.mean)):
        raise ValueError(f"counts must be ({len(latency_ms)}, {len(prior.mean)}), not {counts.shape}")
    if not np.isfinite(counts).all() or not np.isfinite(latency_ms).all() or (latency_ms <= 0).any():
        raise ValueError("counts must be finite, latencies finite and above 0")
    if prior.scaled and not len(counts):
        raise ValueError("a prior from other devices needs at least one measured network of this one")
    if prior.scaled and (counts @ prior.mean <= 0).any():
        raise ValueError("by the known devices a network takes 0 ms: it has no operator that they know")


@dataclass(frozen=True)
class _Measured:
    """Measured networks in units of their own latency: `(n, k)` counts, `(n,)` residuals of the prior's mean."""

    counts: Floats
    residual: Floats
    weights: Floats
    prior: CostPrior
    scale: float


@dataclass(frozen=True)
class _Fit:
    """The costs for one width and one noise; `solved` is `(K + noise^2)^-1 residual` in units of the latencies."""

    width: float
    noise: float
    evidence: float
    solved: Floats
    mean: Floats


def _measured(counts: Floats, latency_ms: Floats, prior: CostPrior, scale: float, weights: Floats) -> _Measured:
    unit = np.sqrt(weights) / latency_ms
    residual = (latency_ms - scale * (counts @ prior.mean)) * unit
    return _Measured(counts * unit[:, None], residual, weights, prior, scale)


def _fits(measured: _Measured) -> Iterator[_Fit]:
    for width in measured.prior.widths:
        yield from _fits_of_width(measured, width)


def _fits_of_width(measured: _Measured, width: float) -> Iterator[_Fit]:
    prior, scale = measured.prior, measured.scale
    spread, vectors = np.linalg.eigh(_kernel(measured, width))
    turned = vectors.T @ measured.residual
    unlikely_width = _unlikely(width, prior.middle_width, prior.width_spread)
    for noise in NOISES.tolist():
        variance = np.maximum(spread, 0.0) + noise**2
        evidence = 0.5 * float(np.log(measured.weights / variance).sum() - np.square(turned / np.sqrt(variance)).sum())
        solved = vectors @ (turned / variance)
        pulled = measured.counts.T @ solved
        moved = prior.basis @ (prior.basis.T @ pulled) + np.square(width * prior.own) * pulled
        unlikely = unlikely_width + _unlikely(noise, prior.middle_noise, prior.noise_spread)
        yield _Fit(width, noise, evidence - unlikely, solved, scale * prior.mean + scale**2 * moved)


def _kernel(measured: _Measured, width: float) -> Floats:
    """Covariance of the networks' latencies, relative to them, without the noise: `(n, n)`."""
    together, alone = measured.counts @ measured.prior.basis, measured.counts * (width * measured.prior.own)
    return np.asarray(measured.scale**2 * (together @ together.T + alone @ alone.T))


def _unlikely(value: float, middle: float, spread: float) -> float:
    return float(0.5 * np.square(np.log(value / middle) / spread))


def _average(measured: _Measured, fits: list[_Fit]) -> CostPosterior:
    """The mixture of all fits by their evidence, as one normal distribution with its mean and covariance."""
    evidence = np.array([fit.evidence for fit in fits])
    shares = np.exp(evidence - evidence.max())
    total = float(shares.sum())
    shares = np.where(shares > LEAST_SHARE * total, shares, 0.0)
    shares /= shares.sum()
    mean = np.asarray(sum(share * fit.mean for share, fit in zip(shares, fits, strict=True)))
    covariance = np.zeros((len(mean), len(mean)))
    for share, fit in zip(shares.tolist(), fits, strict=True):
        if share:
            off = fit.mean - mean
            covariance += share * (_covariance(measured, fit) + np.outer(off, off))
    noise = float(np.sqrt(sum(share * fit.noise**2 for share, fit in zip(shares, fits, strict=True))))
    quantile = _quantile(measured, fits[int(evidence.argmax())])
    return CostPosterior(mean, _factor(covariance), noise, quantile, float(evidence.max()) + float(np.log(total)))


def _covariance(measured: _Measured, fit: _Fit) -> Floats:
    prior, scale = measured.prior, measured.scale
    before = scale**2 * (prior.basis @ prior.basis.T + np.diag(np.square(fit.width * prior.own)))
    seen = measured.counts @ before
    inner = cho_factor(_kernel(measured, fit.width) + fit.noise**2 * np.eye(len(seen)), lower=True)
    return np.asarray(before - seen.T @ cho_solve(inner, seen))


def _factor(covariance: Floats) -> Floats:
    """`(k, r)` with `factor @ factor.T` the covariance; directions of next to no variance are left out."""
    spread, vectors = np.linalg.eigh(covariance)
    kept = spread > 1e-9 * max(float(spread.max()), 1e-300)
    return np.asarray(vectors[:, kept] * np.sqrt(spread[kept]))


def _quantile(measured: _Measured, fit: _Fit) -> float:
    """Half-width of the 90 % interval in standard deviations: between the normal one and the networks' own.

    The networks' own is the conformal quantile (Vovk et al. 2005) of their errors when each is left out in turn, in
    closed form (Rasmussen and Williams 2006, section 5.4.2); ten networks alone would tell it too roughly.
    """
    n = len(measured.residual)
    if not n:
        return NORMAL_90
    inverse = np.linalg.inv(_kernel(measured, fit.width) + fit.noise**2 * np.eye(n))
    left_out = 1.0 / np.diag(inverse)
    off = fit.solved * left_out / np.sqrt(measured.weights)
    deviation = np.sqrt(np.maximum(left_out - fit.noise**2, 0.0) / measured.weights + fit.noise**2)
    ranked = np.sort(np.abs(off) / deviation)
    own = float(ranked[min(int(np.ceil((n + 1) * COVERAGE)), n) - 1])
    return (QUANTILE_PRIOR * NORMAL_90 + n * own) / (QUANTILE_PRIOR + n)


def without_negative_costs(posterior: CostPosterior) -> CostPosterior:
    """The most probable costs that are not negative, with the same covariance."""
    mean, factor = posterior.mean, posterior.factor
    if (mean >= 0).all():
        return posterior
    covariance = factor @ factor.T
    floor = 1e-6 * max(float(np.trace(covariance)) / len(mean), 1e-18)
    root = cholesky(np.linalg.inv(covariance + floor * np.eye(len(mean))))
    return replace(posterior, mean=nnls(root, root @ mean)[0])
