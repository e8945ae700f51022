"""How the model sees genomes: their genes, and numbers that are known of them without measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.predictor.kernel import Encoded, Floats
from search.space.base import Genomes, Space, one_hot

Features = Callable[[Genomes], Floats]
"""Genomes `(n, g)` -> numbers `(n, f)`."""


@dataclass(frozen=True)
class Encoder:
    """One-hot genes, and features centred and scaled over a sample."""

    space: Space
    features: Features
    centre: Floats
    spread: Floats

    def __call__(self, genomes: Genomes) -> Encoded:
        return Encoded(one_hot(self.space, genomes), (self.features(genomes) - self.centre) / self.spread)

    @property
    def gene_of_column(self) -> npt.NDArray[np.int64]:
        """For each one-hot column its gene, `(d,)`."""
        return np.repeat(np.arange(len(self.space.n_choices)), self.space.n_choices)


def fit_encoder(space: Space, features: Features, sample: Genomes) -> Encoder:
    """The encoder whose features are standardised over these genomes."""
    numbers = features(sample)
    spread = numbers.std(axis=0)
    return Encoder(space, features, numbers.mean(axis=0), np.where(spread > 0, spread, 1.0))
