"""Few-shot: a new device's operator costs from 10 to 30 whole networks, with known devices as the prior.

Part `latency_tables/` of the way of the data (DESIGN.md, section 5). Called by `estimate` for tables and by
`benchmarks.latency fewshot`. Plain arrays: k costs (a column of ones in `counts` is the fixed cost), times in ms.

A **reading** is one way to count a network's operators, for example "all of them" or "only those whose result is used":
runtimes differ in what they remove from a graph. Where there are several, the measured networks tell which one holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag

from latency_tables.cost_model import CostPosterior, CostPrior, fit_costs

Floats = npt.NDArray[np.float64]

WIDTHS = (0.003, 0.01, 0.03, 0.1)
"""How far an operator's cost may lie from where the other devices put it, relative to their mean latency."""
WIDTH_AND_NOISE = (0.01, 1.0, 0.12, 0.5)
DEVICE_SPREAD = 1.2
"""New devices differ more than the few known ones do among themselves."""
SCALE_SPREAD, FIXED_SPREAD = 0.3, 0.2
KIND_SPREAD, KIND_SCALE_SPREAD = 0.03, 0.3
INFORMATIVE_SHARE = 0.7
KNOWN_NOISE = 0.05
"""Noise of one network when the costs of a known device are fitted."""
LOOSE = 0.5


@dataclass(frozen=True)
class FewShotFit:
    """A new device: posteriors under every reading and prior, and how probable each of them is.

    Attributes:
        readings: for each posterior the number of its reading.
        shares: of each posterior; they sum to 1.
    """

    readings: tuple[int, ...]
    posteriors: tuple[CostPosterior, ...]
    shares: tuple[float, ...]

    @property
    def reading_shares(self) -> tuple[float, ...]:
        """How probable each reading is."""
        parts = list(zip(self.readings, self.shares, strict=True))
        numbers = range(max(self.readings) + 1)
        return tuple(sum(share for reading, share in parts if reading == number) for number in numbers)

    def predict_ms(self, readings: Sequence[Floats]) -> Floats:
        """Latency in ms of networks, `(n,)`.

        Args:
            readings: for each reading the operator counts `(n, k)` of the same networks.
        """
        parts = self._parts(readings)
        return np.asarray(sum(share * posterior.predict_ms(counts) for share, posterior, counts in parts))

    def half_width_ms(self, readings: Sequence[Floats]) -> Floats:
        """Half-width of the 90 % interval in ms, `(n,)`."""
        middle, parts = self.predict_ms(readings), self._parts(readings)
        variance = sum(s * (p.variance(x) + np.square(p.predict_ms(x) - middle)) for s, p, x in parts)
        quantile = sum(s * p.quantile for s, p, _ in parts)
        return np.asarray(quantile * np.sqrt(variance))

    def _parts(self, readings: Sequence[Floats]) -> list[tuple[float, CostPosterior, Floats]]:
        counts = [readings[number] for number in self.readings]
        return list(zip(self.shares, self.posteriors, counts, strict=True))


def fit_known_device(counts: Floats, latency_ms: Floats) -> Floats:
    """Costs `(k,)` in ms of a device of which many networks `(n, k)` were measured: ridge regression."""
    unit = float(latency_ms.mean())
    spread = np.where((counts == 1).all(axis=0), 10.0, LOOSE)
    design = counts * spread
    inner = design.T @ design + KNOWN_NOISE**2 * np.eye(design.shape[1])
    return np.asarray(unit * spread * np.linalg.solve(inner, design.T @ (latency_ms / unit)))


def prior_from_tables(costs: Floats, counts: Floats) -> CostPrior:
    """The prior for a new device from the costs of known ones.

    Each device's costs are taken relative to its mean latency over the networks, so that fast and slow devices count
    alike: what is learned is how the time divides among the operators, and how that differs from device to device.

    Args:
        costs: `(d, k)` in ms, one row per known device; at least one.
        counts: `(n, k)`, networks of the space.
    """
    units = (counts @ costs.T).mean(axis=0)
    relative = costs / units[:, None]
    mean = relative.mean(axis=0)
    devices = (relative - mean).T / np.sqrt(max(len(costs) - 1, 1))
    fixed = np.where((counts == 1).all(axis=0), 1.0, 0.0)
    basis = np.column_stack([SCALE_SPREAD * mean, FIXED_SPREAD * fixed, DEVICE_SPREAD * devices])
    return CostPrior(mean, basis, 1.0 - fixed, WIDTHS, *WIDTH_AND_NOISE, scaled=True)


def prior_with_kinds(prior: CostPrior, kinds: npt.NDArray[np.int64]) -> CostPrior:
    """The prior for a device unlike the known ones: operators of one kind may all be cheaper or dearer on it.

    Args:
        prior: from `prior_from_tables`.
        kinds: `(k,)`, operators of one kind share a number; -1 for a cost that is of no kind.
    """
    members = (kinds[:, None] == np.unique(kinds[kinds >= 0])).astype(np.float64)
    together = np.hstack([KIND_SPREAD * members, KIND_SCALE_SPREAD * members * prior.mean[:, None]])
    return replace(prior, basis=np.hstack([prior.basis, together]))


def fit_few_shot(
    readings: Sequence[Floats],
    latency_ms: Floats,
    priors: Sequence[CostPrior],
    reading_shares: Sequence[float] | None = None,
) -> FewShotFit:
    """Costs of a new device from a few measured networks.

    Args:
        readings: for each reading the operator counts `(n, k)` of the measured networks.
        latency_ms: `(n,)`.
        priors: from `prior_from_tables`, and perhaps `prior_with_kinds`: the networks tell which one fits.
        reading_shares: how probable each reading is beforehand; equal when left out.
    """
    before = np.ones(len(readings)) if reading_shares is None else np.asarray(reading_shares, dtype=np.float64)
    cases = [(reading, prior) for reading in range(len(readings)) for prior in priors]
    posteriors = tuple(fit_costs(readings[reading], latency_ms, prior) for reading, prior in cases)
    logs = np.array([np.log(before[case[0]]) + found.evidence for case, found in zip(cases, posteriors, strict=True)])
    shares = np.exp(logs - logs.max())
    return FewShotFit(tuple(reading for reading, _ in cases), posteriors, tuple((shares / shares.sum()).tolist()))


def choose_networks(
    counts: Floats, count: int, prior_covariance: Floats | None = None, noise: float = 0.08
) -> list[int]:
    """Rows of `counts` to measure: greedily those that leave least variance over all candidates together.

    Expected variance reduction (Cohn et al. 1996), the sum over candidates of the variance of their latency.

    Args:
        counts: `(p, k)` candidates; measured networks are chosen among them, each at most once.
        count: how many, at most p.
        prior_covariance: `(k, k)` of the costs, relative to a mean latency of 1; the identity when left out.
        noise: of a measurement, in the same unit.
    """
    if not 0 <= count <= len(counts):
        raise ValueError(f"{count} networks cannot be chosen from {len(counts)}")
    if prior_covariance is None:
        features = counts / max(float(np.linalg.norm(counts, axis=1).mean()), 1e-12)
    else:
        spread, vectors = np.linalg.eigh(prior_covariance)
        features = counts @ (vectors * np.sqrt(np.maximum(spread, 0.0)))
    return _greedy(features, count, noise**2)


def choose_for_prior(readings: Sequence[Floats], count: int, prior: CostPrior, seed: int = 0) -> list[int]:
    """Networks to measure first on a new device, given what is known from other devices.

    Most are the most informative ones (`choose_networks`). The others are drawn at random: the informative ones are
    extremes, and how far networks in general lie from their sum is only seen on networks in general. On the shared
    NAS-Bench-201 latencies that brought the coverage of 90 % intervals from 85 to 89 % at 30 networks.

    Args:
        readings: for each reading the operator counts `(p, k)` of the same candidates; the choice serves all readings.
        count: how many, at most p.
        prior: from `prior_from_tables`.
        seed: of the random ones.
    """
    share = 1.0 / len(readings)
    means = np.stack([counts @ prior.mean for counts in readings], axis=1)
    # Which reading holds is unknown, too: a network on which they differ tells it.
    unsure = means - means.mean(axis=1, keepdims=True)
    # Relative to the latency, as the noise is.
    columns = np.hstack([*readings, unsure]) / means.mean(axis=1, keepdims=True)
    covariance = block_diag(*(share * prior.covariance() for _ in readings), share * np.eye(len(readings)))
    informative = choose_networks(columns, round(INFORMATIVE_SHARE * count), covariance, prior.middle_noise)
    rest = np.setdiff1d(np.arange(len(columns)), informative)
    drawn = np.random.default_rng(seed).permutation(rest)[: count - len(informative)]
    return [*informative, *map(int, drawn)]


def _greedy(features: Floats, count: int, noise: float) -> list[int]:
    """Choose rows; `features @ features.T` is the covariance of their latencies, and shrinks with each choice."""
    left = features.copy()
    chosen: list[int] = []
    for _ in range(count):
        variance = np.square(left).sum(axis=1)
        gain = ((left @ (left.T @ left)) * left).sum(axis=1) / (variance + noise)
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        chosen.append(best)
        row, own = left[best].copy(), float(variance[best])
        if own > 0:
            shrink = (1.0 - np.sqrt(noise / (own + noise))) / own
            left -= shrink * np.outer(left @ row, row)
    return chosen
