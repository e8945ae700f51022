"""Honesty figures: how a table did on networks that it was not fitted to. Called by `estimate`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latency_tables.provenance import Honesty

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What networks took and what was expected of them, all `(n,)` in ms.

    Attributes:
        predicted_ms: by a fit that did not see the network; `half_width_ms` is that of its 90 % interval.
        measured_ms: of all rounds.
        first_ms: of the odd rounds; `second_ms` of the even ones.
    """

    predicted_ms: Floats
    half_width_ms: Floats | None
    measured_ms: Floats
    first_ms: Floats
    second_ms: Floats


def honesty_figures(judged: Judged) -> Honesty | None:
    """The figures that a table carries; None when no network was measured."""
    measured = judged.measured_ms
    if not len(measured):
        return None
    off = np.abs(judged.predicted_ms - measured)
    errors = off / measured
    repeated = np.abs(judged.second_ms - judged.first_ms) / judged.first_ms
    return Honesty(
        networks=len(measured),
        mape=float(errors.mean()),
        within_5=float(np.mean(errors <= 0.05)),
        within_10=float(np.mean(errors <= 0.10)),
        kendall_tau=kendall_tau(judged.predicted_ms, measured),
        interval_coverage=None if judged.half_width_ms is None else float(np.mean(off <= judged.half_width_ms)),
        repeatability_mape=float(repeated.mean()),
        repeatability_within_10=float(np.mean(repeated <= 0.10)),
        repeatability_tau=kendall_tau(judged.first_ms, judged.second_ms),
        predicted_ms=tuple(judged.predicted_ms.tolist()),
        measured_ms=tuple(measured.tolist()),
    )


def kendall_tau(first: Floats, second: Floats) -> float | None:
    """Rank agreement, -1 to 1; None when one side is all equal or has fewer than two values."""
    from scipy.stats import kendalltau  # takes a second to import, which reading a table should not cost

    tau = float(kendalltau(first, second).statistic) if len(first) > 1 else float("nan")
    return None if np.isnan(tau) else tau
