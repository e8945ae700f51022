"""The posterior mean in the form that a search asks for every candidate, without the whole training set.

The linear parts become one weight per column and summary. The curved part is a sum of one bump per training row; with
more than 4,096 rows it is projected onto the bumps of 4,096 of them, chosen by pivoted Cholesky (Fine and Scheinberg
2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from search.predictor.covariance import Encoded, Floats, Kernel

MOST_LANDMARKS = 4096
_RIDGE = 1e-8


@dataclass(frozen=True, eq=False)
class FastMean:
    """Weights of columns `(d,)` and summaries `(f,)`, and of the bumps at `landmarks`, `(m,)`."""

    kernel: Kernel
    columns: Floats
    slopes: Floats
    landmarks: Encoded
    bumps: Floats

    def __call__(self, encoded: Encoded) -> Floats:
        """Posterior mean, `(n,)`."""
        linear: Floats = encoded.columns @ self.columns + encoded.summaries @ self.slopes
        return np.asarray(linear + self.kernel.curved(encoded, self.landmarks) @ self.bumps)


def fast_mean(kernel: Kernel, encoded: Encoded, weights: Floats) -> FastMean:
    """The function `kernel(., encoded) @ weights`."""
    columns = kernel.effects * (encoded.columns.T @ weights)
    slopes = kernel.hyperparameters.slopes * (encoded.summaries.T @ weights)
    landmarks, bumps = encoded, weights
    if len(encoded) > MOST_LANDMARKS:
        landmarks = encoded[_spread_rows(kernel, encoded)]
        among = kernel.curved(landmarks, landmarks)
        among[np.diag_indices_from(among)] += _RIDGE * among[0, 0]
        bumps = cho_solve(cho_factor(among, lower=True), kernel.curved(landmarks, encoded) @ weights)
    return FastMean(kernel, kernel.scale * columns, kernel.scale * slopes, landmarks, kernel.scale * bumps)


def _spread_rows(kernel: Kernel, encoded: Encoded) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows whose bumps leave the least of the others unexplained, one after another."""
    chosen: list[int] = []
    left = np.full(len(encoded), kernel.hyperparameters.interaction + kernel.hyperparameters.summary)
    factor = np.zeros((MOST_LANDMARKS, len(encoded)))
    for step in range(MOST_LANDMARKS):
        row = int(np.argmax(left))
        column = kernel.curved(encoded[np.array([row])], encoded)[0]
        factor[step] = (column - factor[:step, row] @ factor[:step]) / np.sqrt(max(left[row], 1e-12))
        left -= factor[step] ** 2
        left[row] = -np.inf
        chosen.append(row)
    return np.sort(np.array(chosen, dtype=np.int64))
