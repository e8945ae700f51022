"""The posterior mean in the form that a search asks for every candidate.

The linear parts become one weight per column and summary. The curved part is a sum of one bump per training row; what
of it does not depend on the candidate is worked out once. With many rows it is computed in single precision, which
halves its time and changes an error by less than 0.00001 (measured with 2,000 rows).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.predictor.covariance import Encoded, Floats, Kernel

_MANY_ROWS = 512
_Bumps = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class _Centres:
    """Bumps of one squared exponential kernel, as factors of a product that gives their exponents.

    Attributes:
        scale: of the coordinates, `(d,)`.
        turned: scaled coordinates of the centres, `(d, m)`.
        heights: logarithms of the bumps' heights at their own centres, less half their squared length, `(m,)`.
    """

    scale: Floats
    turned: _Bumps
    heights: _Bumps

    def __call__(self, coordinates: Floats) -> _Bumps:
        """Values of the bumps, `(n, m)`."""
        scaled = (coordinates * self.scale).astype(self.turned.dtype)
        exponent: _Bumps = scaled @ self.turned
        exponent += self.heights
        exponent -= 0.5 * (scaled**2).sum(axis=1, keepdims=True)
        return np.exp(exponent, out=exponent)


@dataclass(frozen=True, eq=False)
class FastMean:
    """Weights of columns `(d,)` and summaries `(f,)`, and of two kinds of bumps, `(m,)`."""

    columns: Floats
    slopes: Floats
    interactions: _Centres
    summaries: _Centres
    weights: _Bumps

    def __call__(self, encoded: Encoded) -> Floats:
        """Posterior mean, `(n,)`."""
        linear: Floats = encoded.columns @ self.columns + encoded.summaries @ self.slopes
        bumps = self.interactions(encoded.columns)
        bumps += self.summaries(encoded.summaries)
        return np.asarray(linear + bumps @ self.weights, dtype=np.float64)


def fast_mean(kernel: Kernel, encoded: Encoded, weights: Floats) -> FastMean:
    """The function `kernel(., encoded) @ weights` of an unscaled kernel."""
    chosen = kernel.hyperparameters
    single = len(encoded) > _MANY_ROWS
    return FastMean(
        columns=kernel.effects * (encoded.columns.T @ weights),
        slopes=chosen.slopes * (encoded.summaries.T @ weights),
        interactions=_centres(encoded.columns, np.sqrt(kernel.distances), chosen.interaction, single),
        summaries=_centres(encoded.summaries, 1.0 / chosen.lengths, chosen.summary, single),
        weights=weights.astype(np.float32 if single else np.float64),
    )


def _centres(coordinates: Floats, scale: Floats, variance: float, single: bool) -> _Centres:
    kind = np.float32 if single else np.float64
    turned = (coordinates * scale).T
    heights = np.log(variance) - 0.5 * (turned**2).sum(axis=0)
    return _Centres(scale, np.ascontiguousarray(turned, dtype=kind), heights.astype(kind))
