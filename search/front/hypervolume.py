"""Hypervolume: how much of the reachable box a front dominates. Reported after every generation."""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt

_MOST_EXACT = 4
_SAMPLES = 20_000


@dataclass(frozen=True)
class Box:
    """The part of objective space that counts: from `lower`, the best that can be reached, to `upper`, `(m,)` each.

    The engine takes both from the space (`Objective.reach`) and lowers `upper` to the limits, so that the figure is
    comparable between searches of one spec, whatever their seed, and is known before the first generation.
    """

    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]

    def hypervolume(self, values: npt.NDArray[np.float64]) -> float:
        """The share of the box in [0, 1] that `(n, m)` values dominate; 0 for none.

        Values outside the box are moved to its border. Exact up to four columns (Fonseca et al. 2006; Guerreiro and
        Fonseca 2018), beyond that by 20,000 quasi-random directions, the same ones each time (Deng and Zhang 2019).
        """
        if not len(values):
            return 0.0
        span = self.upper - self.lower
        # A column that cannot vary takes no share of the volume: whoever reaches it has all of it.
        scaled = np.where(span > 0, (values - self.lower) / np.where(span > 0, span, 1.0), 0.0)
        scaled = np.ascontiguousarray(np.clip(scaled, 0.0, 1.0))
        if scaled.shape[1] <= _MOST_EXACT:
            return float(moocore.hypervolume(scaled, ref=1.0))
        return float(moocore.hv_approx(scaled, ref=1.0, nsamples=_SAMPLES, method="DZ2019-HW"))
