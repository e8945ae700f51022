"""The prior of a full table: operators measured alone. Called by `estimate`.

A model of one operator also pays the runtime's call and the conversion of its input, so that
`cost = scale * isolated time - overhead`; both are unknown, and so is what one call costs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from latency_tables.cost_model import CostPrior

Floats = npt.NDArray[np.float64]

WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""How far an operator's cost may lie from what its time alone tells, relative to that time."""
LEAST_SHARE = 0.05
"""An operator is never thought to be cheaper than this share of its time alone."""
NEIGHBOUR_SHARES = (0.3, 3.0)
"""How far neighbours may be from the sum of both, against how far each may lie from its time alone; tried in turn."""


def prior_from_isolated(isolated_ms: Floats) -> CostPrior:
    """Prior of the fixed cost and the operators, `(1 + k,)`.

    Args:
        isolated_ms: `(k,)`, each operator measured alone in a session of its own, above 0.
    """
    base = 0.5 * float(isolated_ms.min())  # the cheapest operator bounds what a call alone can cost
    mean = np.concatenate([[base], np.maximum(isolated_ms - base, LEAST_SHARE * isolated_ms)])
    scale = np.concatenate([[0.0], 0.3 * isolated_ms])
    overhead = np.concatenate([[0.0], np.full(len(isolated_ms), -base)])
    call = np.concatenate([[4.0 * base], np.zeros(len(isolated_ms))])
    own = np.concatenate([[0.0], isolated_ms])
    return CostPrior(mean, np.column_stack([scale, overhead, call]), own, WIDTHS, 0.05, 1.5, 0.01, 1.0, scaled=False)


def with_neighbours(prior: CostPrior, smaller_ms: Floats, share: float) -> CostPrior:
    """The prior with p interaction terms behind the k costs, each thought to be about 0.

    Args:
        prior: of the k costs.
        smaller_ms: `(p,)`, for each pair of neighbours the time alone of the cheaper one.
        share: one of `NEIGHBOUR_SHARES`.
    """
    pairs = len(smaller_ms)
    return CostPrior(
        np.concatenate([prior.mean, np.zeros(pairs)]),
        np.vstack([prior.basis, np.zeros((pairs, prior.basis.shape[1]))]),
        np.concatenate([prior.own, share * smaller_ms]),
        prior.widths,
        prior.middle_width,
        prior.width_spread,
        prior.middle_noise,
        prior.noise_spread,
        prior.scaled,
    )
