"""The covariance of two architectures' errors, and its derivatives by the hyperparameters.

Three parts, because an architecture's error is mostly a sum of its genes' effects, follows a few summaries of the whole
network, and has some interaction left: a part linear in columns and summaries, a squared exponential kernel of the
columns, and another of the summaries. What a column or a summary is, `encoding.py` tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoded:
    """Genomes as the kernel reads them: columns `(n, d)`, mostly 0 and 1, and standardised summaries `(n, f)`."""

    columns: Floats
    summaries: Floats

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> Encoded:
        return Encoded(self.columns[rows], self.summaries[rows])


@dataclass(frozen=True)
class Hyperparameters:
    """Positive numbers, fitted in this order as their logarithms.

    Attributes:
        linear: factors of the variance of a column's own effect, `(q,)`; a column's is the product of its groups'.
        distance: factors of the weight of a column's squared distance, `(q,)`, used in the same way.
        lengths: length scale of each summary, `(f,)`.
        slopes: variance of the slope along each summary, `(f,)`.
        interaction: variance of the columns' squared exponential part.
        summary: variance of the summaries' squared exponential part.
        noise: variance of the evaluations' noise.
    """

    linear: Floats
    distance: Floats
    lengths: Floats
    slopes: Floats
    interaction: float
    summary: float
    noise: float

    def to_vector(self) -> Floats:
        """Logarithms, `(2 q + 2 f + 3,)`."""
        scalars = [self.interaction, self.summary, self.noise]
        vector: Floats = np.log(np.concatenate([self.linear, self.distance, self.lengths, self.slopes, scalars]))
        return vector

    @classmethod
    def from_vector(cls, logarithms: Floats, groups: int) -> Hyperparameters:
        """Read `to_vector` back; `groups` is q."""
        values = np.exp(logarithms)
        scalars: list[float] = values[-3:].tolist()
        lengths, slopes = np.split(values[2 * groups : -3], 2)
        return cls(values[:groups], values[groups : 2 * groups], lengths, slopes, *scalars)


@dataclass(frozen=True)
class Kernel:
    """Covariances without noise, times `scale`.

    `membership` `(d, q)`, 0 or 1, tells which groups a column belongs to.
    """

    hyperparameters: Hyperparameters
    membership: Floats
    scale: float = 1.0

    @property
    def effects(self) -> Floats:
        """Variance of each column's own effect, `(d,)`."""
        return np.asarray(np.exp(self.membership @ np.log(self.hyperparameters.linear)))

    @property
    def distances(self) -> Floats:
        """Weight of each column's squared distance, `(d,)`."""
        return np.asarray(np.exp(self.membership @ np.log(self.hyperparameters.distance)))

    def curved(self, left: Encoded, right: Encoded) -> Floats:
        """Everything but the parts linear in the encoding, not scaled, `(n, n')`."""
        return self.interactions(left, right) + self.summaries(left, right)

    def __call__(self, left: Encoded, right: Encoded) -> Floats:
        linear: Floats = (left.columns * self.effects) @ right.columns.T
        slopes: Floats = (left.summaries * self.hyperparameters.slopes) @ right.summaries.T
        return self.scale * (linear + slopes + self.curved(left, right))

    def diagonal(self, encoded: Encoded) -> Floats:
        """Variance of each row, `(n,)`."""
        chosen = self.hyperparameters
        linear = encoded.columns**2 @ self.effects + encoded.summaries**2 @ chosen.slopes
        return np.asarray(self.scale * (linear + chosen.interaction + chosen.summary))

    def interactions(self, left: Encoded, right: Encoded) -> Floats:
        """The squared exponential kernel of the columns."""
        scale = np.sqrt(self.distances)
        return _squared_exponential(left.columns * scale, right.columns * scale, self.hyperparameters.interaction)

    def summaries(self, left: Encoded, right: Encoded) -> Floats:
        """The squared exponential kernel of the summaries."""
        lengths = self.hyperparameters.lengths
        return _squared_exponential(left.summaries / lengths, right.summaries / lengths, self.hyperparameters.summary)

    def derivatives(self, encoded: Encoded, weights: Floats) -> Floats:
        """Sum of `weights * dK/dp` over the matrix for each log hyperparameter p but the noise, in vector order.

        `weights` is symmetric, `(n, n)`; K is not scaled.
        """
        chosen, columns, summaries = self.hyperparameters, encoded.columns, encoded.summaries
        inter = weights * self.interactions(encoded, encoded)
        curved = weights * self.summaries(encoded, encoded)
        products = np.sum(columns * (weights @ columns), axis=0)
        return np.concatenate(
            [
                self.membership.T @ (self.effects * products),
                self.membership.T @ (-0.5 * self.distances * _squared_distances(inter, columns)),
                _squared_distances(curved, summaries) / chosen.lengths**2,
                chosen.slopes * np.sum(summaries * (weights @ summaries), axis=0),
                [inter.sum(), curved.sum()],
            ]
        )


def _squared_exponential(left: Floats, right: Floats, variance: float) -> Floats:
    exponent: Floats = left @ right.T
    exponent -= 0.5 * (left**2).sum(axis=1)[:, None]
    exponent -= 0.5 * (right**2).sum(axis=1)
    np.exp(np.minimum(exponent, 0.0, out=exponent), out=exponent)
    exponent *= variance
    return exponent


def _squared_distances(weights: Floats, columns: Floats) -> Floats:
    """For each column the weighted sum over all pairs of rows of their squared difference; `weights` is symmetric."""
    return np.asarray(2 * (weights.sum(axis=1) @ columns**2 - np.sum(columns * (weights @ columns), axis=0)))
