"""How far a table's sum may be from what the device takes.

Part `latency_tables/` of the way of the data (DESIGN.md, section 5). Made by `estimate`, kept in the table file, asked
by `search.objectives` for the interval of every latency it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Uncertainty:
    """The posterior of a table's costs, and what no sum of costs explains.

    A network with operator counts `x` (a 1 for the fixed cost first) and latency `y` has the variance
    `|x @ factor|^2 + (noise * y)^2`, after Bishop (2006), equation 3.59.

    Attributes:
        factor: `(1 + k, r)` in ms: `factor @ factor.T` is the covariance of the fixed cost and the k operators, in the
            order of `LatencyTable.operators`.
        noise: standard deviation of a measured network around its sum, relative to the latency.
        quantile: half-width of the 90 % interval in standard deviations, calibrated on networks that a fit did not see.
    """

    factor: tuple[tuple[float, ...], ...]
    noise: float
    quantile: float

    def half_width_ms(self, counts: Floats, latency_ms: Floats) -> Floats:
        """Half-width of the 90 % interval in ms, `(n,)`.

        Args:
            counts: `(n, k)`, how often each network has each operator.
            latency_ms: `(n,)`, the table's sums.
        """
        factor = np.array(self.factor, dtype=np.float64)
        spread = factor[0] + counts @ factor[1:]
        variance = np.square(spread).sum(axis=1) + np.square(self.noise * latency_ms)
        return np.asarray(self.quantile * np.sqrt(variance))
