"""The covariance of two architectures' errors, and its derivatives by the hyperparameters.

Three parts, because an architecture's error is mostly a sum of its genes' effects, follows its size, and has some
interaction left: a linear kernel on one-hot genes with one weight per gene, a squared exponential kernel on a few
summary features, and an exponential kernel of a weighted Hamming distance between genomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoded:
    """Genomes as the kernel reads them: one-hot `(n, d)` and standardised summary features `(n, f)`."""

    one_hot: Floats
    features: Floats

    def __len__(self) -> int:
        return len(self.one_hot)

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> Encoded:
        return Encoded(self.one_hot[rows], self.features[rows])


@dataclass(frozen=True)
class Hyperparameters:
    """Positive numbers, fitted in this order as their logarithms.

    Attributes:
        linear: variance of each gene's own effect, `(g,)`.
        distance: weight of each gene in the Hamming distance, `(g,)`.
        lengths: length scale of each summary feature, `(f,)`.
        interaction: variance of the Hamming part.
        summary: variance of the summary part.
        slope: variance of the slope along each summary feature.
        noise: variance of the evaluations' noise.
    """

    linear: Floats
    distance: Floats
    lengths: Floats
    interaction: float
    summary: float
    slope: float
    noise: float

    def to_vector(self) -> Floats:
        """Logarithms, `(2 g + f + 4,)`."""
        scalars = [self.interaction, self.summary, self.slope, self.noise]
        vector: Floats = np.log(np.concatenate([self.linear, self.distance, self.lengths, scalars]))
        return vector

    @classmethod
    def from_vector(cls, logarithms: Floats, genes: int) -> Hyperparameters:
        """Read `to_vector` back."""
        values = np.exp(logarithms)
        scalars: list[float] = values[-4:].tolist()
        return cls(values[:genes], values[genes : 2 * genes], values[2 * genes : -4], *scalars)


@dataclass(frozen=True)
class Kernel:
    """Covariances without noise. `gene_of_column` `(d,)` tells which gene a one-hot column belongs to."""

    hyperparameters: Hyperparameters
    gene_of_column: npt.NDArray[np.int64]

    def curved(self, left: Encoded, right: Encoded) -> Floats:
        """Everything but the parts linear in the encoding, `(n, n')`."""
        return self.interactions(left, right) + self.summaries(left, right)

    def __call__(self, left: Encoded, right: Encoded) -> Floats:
        weights = self.hyperparameters.linear[self.gene_of_column]
        linear: Floats = (left.one_hot * weights) @ right.one_hot.T
        slopes: Floats = self.hyperparameters.slope * (left.features @ right.features.T)
        return linear + slopes + self.curved(left, right)

    def diagonal(self, encoded: Encoded) -> Floats:
        """Variance of each row, `(n,)`."""
        chosen = self.hyperparameters
        slopes = chosen.slope * (encoded.features**2).sum(axis=1)
        return np.asarray(chosen.linear.sum() + slopes + chosen.interaction + chosen.summary)

    def interactions(self, left: Encoded, right: Encoded) -> Floats:
        """The exponential kernel of the weighted Hamming distance."""
        weights = self.hyperparameters.distance
        exponent = (left.one_hot * weights[self.gene_of_column]) @ right.one_hot.T
        exponent -= weights.sum()
        np.exp(exponent, out=exponent)
        exponent *= self.hyperparameters.interaction
        return exponent

    def summaries(self, left: Encoded, right: Encoded) -> Floats:
        """The squared exponential kernel of the summary features."""
        scaled_left = left.features / self.hyperparameters.lengths
        scaled_right = right.features / self.hyperparameters.lengths
        exponent = scaled_left @ scaled_right.T
        exponent -= 0.5 * (scaled_left**2).sum(axis=1)[:, None]
        exponent -= 0.5 * (scaled_right**2).sum(axis=1)
        np.exp(np.minimum(exponent, 0.0, out=exponent), out=exponent)
        exponent *= self.hyperparameters.summary
        return exponent

    def derivatives(self, encoded: Encoded, weights: Floats) -> Floats:
        """Sum of `weights * dK/dp` over the matrix for each log hyperparameter p but the noise, in vector order.

        `weights` is symmetric, `(n, n)`. Sums over pairs that share a gene come from one product with the one-hot
        matrix instead of one `(n, n)` mask per gene.
        """
        chosen = self.hyperparameters
        inter = weights * self.interactions(encoded, encoded)
        summary = weights * self.summaries(encoded, encoded)
        distance = -chosen.distance * (inter.sum() - self._sum_over_matches(encoded, inter))
        columns = encoded.features.T
        squared = [2 * (summary.sum(axis=1) @ x**2 - x @ summary @ x) for x in columns]
        slope = chosen.slope * np.sum(encoded.features * (weights @ encoded.features))
        return np.concatenate(
            [
                chosen.linear * self._sum_over_matches(encoded, weights),
                distance,
                np.array(squared) / chosen.lengths**2,
                [inter.sum(), summary.sum(), slope],
            ]
        )

    def _sum_over_matches(self, encoded: Encoded, weights: Floats) -> Floats:
        per_column = np.sum(encoded.one_hot * (weights @ encoded.one_hot), axis=0)
        return np.bincount(self.gene_of_column, weights=per_column).astype(np.float64)
