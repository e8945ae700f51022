"""A front timed again on its device: which networks stay on it, and how well the table foretold their latencies.

Plain arrays in, figures out; the timing is the service's (`service/jobs/remeasure.py`) and the benchmark's. Every
network is timed twice. The second time answers what no figure of a table means anything without: how many networks
of a front that was *measured* leave it when the same measurement is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latency_tables import kendall_tau

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How far one series of latencies is from another; errors are fractions of the second series.

    Attributes:
        mape: mean of |first - second| / second.
        within_5: share of networks within 5 %; `within_10` within 10 %.
        kendall_tau: rank agreement; None when it is undefined (all equal, or fewer than two networks).
    """

    mape: float
    within_5: float
    within_10: float
    kendall_tau: float | None


@dataclass(frozen=True)
class Remeasured:
    """What became of a front.

    Attributes:
        ranks: Pareto rank of every network by its first measurement, `(n,)`; 1 is the front, 2 the front without it.
        still_non_dominated: share of the networks with rank 1.
        repeat_still_non_dominated: the same for the front of the first measurement, judged by the second: what is
            lost where nothing but the measurement changes.
        within_noise: share of the networks that no other one beats by more than `noise`.
        repeat_within_noise: the same for the front of the first measurement, judged by the second.
        noise: mean relative difference of the two measurements, per timed column, `(k,)`.
        agreement: of the search's latencies with the first measurement, per timed column.
        repeatability: of the second measurement with the first, per timed column.
    """

    ranks: npt.NDArray[np.int64]
    still_non_dominated: float
    repeat_still_non_dominated: float
    within_noise: float
    repeat_within_noise: float
    noise: tuple[float, ...]
    agreement: tuple[Agreement, ...]
    repeatability: tuple[Agreement, ...]


def remeasured_front(values: Floats, timed: Sequence[int], first_ms: Floats, second_ms: Floats) -> Remeasured:
    """Judge a front by two measurements of its networks.

    Args:
        values: objectives as the search saw them, `(n, m)`, minimised.
        timed: the columns of `values` that were measured.
        first_ms: `(n, k)`, one column for each of `timed`, above 0.
        second_ms: the same, measured again.

    Raises:
        ValueError: no network, no timed column, shapes that differ, or a measurement that is not finite and above 0.
    """
    columns = list(timed)
    shape = (len(values), len(columns))
    if not all(shape) or first_ms.shape != shape or second_ms.shape != shape:
        raise ValueError(f"{shape} times are needed twice, given were {first_ms.shape} and {second_ms.shape}")
    if not all(np.isfinite(times).all() and (times > 0).all() for times in (first_ms, second_ms)):
        raise ValueError("a measured latency must be finite and above 0")
    repeatability = _per_column(second_ms, first_ms)
    tolerance = np.zeros(values.shape[1])
    tolerance[columns] = [column.mape for column in repeatability]
    first, second = values.copy(), values.copy()
    first[:, columns], second[:, columns] = first_ms, second_ms
    ranks = pareto_ranks(first)
    front = ranks == 1
    return Remeasured(
        ranks=ranks,
        still_non_dominated=float(front.mean()),
        repeat_still_non_dominated=float((pareto_ranks(second[front]) == 1).mean()),
        within_noise=float(unbeaten(first, tolerance).mean()),
        repeat_within_noise=float(unbeaten(second[front], tolerance).mean()),
        noise=tuple(tolerance[columns].tolist()),
        agreement=_per_column(values[:, columns], first_ms),
        repeatability=repeatability,
    )


def pareto_ranks(values: Floats) -> npt.NDArray[np.int64]:
    """1 for rows of `(n, m)` that no row dominates, 2 for rows that only those of rank 1 dominate, and so on, `(n,)`.

    Equal rows do not dominate each other (Deb et al. 2002, section III-A, by comparing all pairs).
    """
    beats = _beats(values, np.zeros(values.shape[1]))
    ranks = np.zeros(len(values), dtype=np.int64)
    rank = 0
    while (left := ranks == 0).any():
        rank += 1
        ranks[left & ~beats[left].any(axis=0)] = rank
    return ranks


def unbeaten(values: Floats, tolerance: Floats) -> npt.NDArray[np.bool_]:
    """Rows of `(n, m)` that no other row dominates even if its values were larger by the shares `tolerance`, `(m,)`."""
    return np.asarray(~_beats(values, tolerance).any(axis=0))


def _beats(values: Floats, tolerance: Floats) -> npt.NDArray[np.bool_]:
    """Which row dominates which other, by more than the tolerance: `(n, n)`, winners down, losers across."""
    worse = values * (1.0 + tolerance)
    no_worse = (worse[:, None, :] <= values[None, :, :]).all(axis=2)
    better = (worse[:, None, :] < values[None, :, :]).any(axis=2)
    return np.asarray(no_worse & better)


def _per_column(foretold: Floats, measured: Floats) -> tuple[Agreement, ...]:
    return tuple(_agreement(*pair) for pair in zip(foretold.T, measured.T, strict=True))


def _agreement(foretold: Floats, measured: Floats) -> Agreement:
    errors = np.abs(foretold - measured) / measured
    within = {limit: float(np.mean(errors <= limit)) for limit in (0.05, 0.10)}
    return Agreement(float(errors.mean()), within[0.05], within[0.10], kendall_tau(foretold, measured))
