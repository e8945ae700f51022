"""Few-shot on published latencies: each device from a few networks, with the other devices known.

Called by `python -m benchmarks.latency fewshot`. The figures are means over draws: each draw takes another random pool
of networks, measures the most informative of them, and predicts all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.published_networks import NetworksFileError, PublishedNetworks
from latency_tables import (
    CostPrior,
    choose_for_prior,
    fit_few_shot,
    fit_known_device,
    prior_from_tables,
    prior_with_kinds,
)

Floats = npt.NDArray[np.float64]
POOL = 1000
"""Networks of a draw among which the measured ones are chosen."""
LIVE_GAIN = 0.97
"""A reading after the first one is a device's only when it lowers the error to this share."""


@dataclass(frozen=True)
class Draws:
    """How to draw: `networks` measured per draw, chosen as the most informative of a pool or at random."""

    networks: int
    draws: int
    chosen: bool = True
    seed: int = 0


@dataclass(frozen=True)
class _Known:
    """Known devices: costs `(d, 1 + k)`, and by which reading each of them counts."""

    names: tuple[str, ...]
    costs_ms: Floats
    readings: tuple[int, ...]


def few_shot(
    known: PublishedNetworks,
    target: PublishedNetworks,
    devices: Sequence[str] | None,
    draws: Draws,
    on_device: Callable[[str, dict[str, float]], None],
) -> dict[str, Any]:
    """Figures per target device and their means; a device of the same name is never among the known ones.

    Raises:
        NetworksFileError: a device is not in the target file, no device is left to
            know, or the target has too few networks.
    """
    chosen = list(target.latency_ms) if devices is None else list(devices)
    absent = [name for name in chosen if name not in target.latency_ms]
    if absent:
        raise NetworksFileError(f"{target.path}: no device {absent[0]!r}; it has {', '.join(target.latency_ms)}.")
    every = {name: _fit_known(known, latency_ms) for name, latency_ms in known.latency_ms.items()}
    figures = {}
    for name in chosen:
        others = tuple(other for other in every if other != name)
        if not others:
            raise NetworksFileError(f"{known.path}: no device is known beside {name}.")
        costs = np.stack([every[other][0] for other in others])
        device = _Known(others, costs, tuple(every[other][1] for other in others))
        figures[name] = _device(known, target, name, device, draws)
        on_device(name, figures[name])
    return _summary(figures, draws)


def _fit_known(known: PublishedNetworks, latency_ms: Floats) -> tuple[Floats, int]:
    usable = np.isfinite(latency_ms)
    best: tuple[float, Floats, int] | None = None
    for number, counts in enumerate(known.readings):
        costs = fit_known_device(counts[usable], latency_ms[usable])
        error = float(np.mean(np.abs(counts[usable] @ costs - latency_ms[usable])))
        if best is None or error < LIVE_GAIN * best[0]:
            best = (error, costs, number)
    if best is None:
        raise NetworksFileError(f"{known.path}: no reading.")
    return best[1], best[2]


def _device(
    known: PublishedNetworks, target: PublishedNetworks, name: str, device: _Known, draws: Draws
) -> dict[str, float]:
    prior = prior_from_tables(device.costs_ms, known.readings[0])
    priors = [prior, prior_with_kinds(prior, known.kinds)]
    n = len(target.readings)
    shares = [(device.readings.count(reading) + 1) / (len(device.names) + n) for reading in range(n)]
    latency_ms = target.latency_ms[name]
    usable = np.flatnonzero(np.isfinite(latency_ms))
    if len(usable) < draws.networks + 2:
        raise NetworksFileError(f"{target.path}: {name} has {len(usable)} networks, too few to measure and to judge.")
    rows = []
    for draw in range(draws.draws):
        rng = np.random.default_rng([draws.seed, draw])
        measured = _measured(target, usable, prior, draws, rng)
        others = np.setdiff1d(usable, measured)
        fit = fit_few_shot([counts[measured] for counts in target.readings], latency_ms[measured], priors, shares)
        readings = [counts[others] for counts in target.readings]
        rows.append(_figures(fit.predict_ms(readings), fit.half_width_ms(readings), latency_ms[others]))
    prior_only = _spearman(target.readings[0][usable] @ prior.mean, latency_ms[usable])
    means = {key: _mean([row[key] for row in rows]) for key in rows[0]} | {"prior_spearman": prior_only}
    return {key: float("nan") if value is None else value for key, value in means.items()}


def _measured(
    target: PublishedNetworks,
    usable: npt.NDArray[np.int64],
    prior: CostPrior,
    draws: Draws,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    pool = rng.permutation(usable)[: max(POOL, draws.networks)]
    if not draws.chosen:
        return pool[: draws.networks]
    readings = [counts[pool] for counts in target.readings]
    return pool[choose_for_prior(readings, draws.networks, prior, int(rng.integers(2**32)))]


def _figures(predicted_ms: Floats, half_width_ms: Floats, measured_ms: Floats) -> dict[str, float]:
    off = np.abs(predicted_ms - measured_ms)
    return {
        "spearman": _spearman(predicted_ms, measured_ms),
        "within_5": float(np.mean(off <= 0.05 * measured_ms)),
        "within_10": float(np.mean(off <= 0.10 * measured_ms)),
        "mape": float(np.mean(off / measured_ms)),
        "coverage_90": float(np.mean(off <= half_width_ms)),
    }


def _spearman(first: Floats, second: Floats) -> float:
    """NaN when one side is all equal."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def _summary(figures: dict[str, dict[str, float]], draws: Draws) -> dict[str, Any]:
    rows = list(figures.values())
    means = {f"mean_{key}": _mean([row[key] for row in rows]) for key in rows[0]}
    way = {"networks": draws.networks, "draws": draws.draws, "chosen": draws.chosen, "seed": draws.seed}
    told = {name: {key: _mean([value]) for key, value in row.items()} for name, row in figures.items()}
    return means | way | {"devices": told}


def _mean(values: list[float]) -> float | None:
    """Mean of those that are defined: ranks of equal latencies, for example, are not."""
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else None
