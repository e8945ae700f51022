"""Functions drawn from a posterior, for acquisition by Thompson sampling over any number of genomes.

A function of the prior, its curved parts by random features (Rahimi and Recht 2007), corrected by the data
(pathwise conditioning: Wilson et al. 2020, equation 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.predictor.covariance import Encoded, Floats, Kernel
from search.predictor.posterior import Posterior
from search.predictor.regression import GaussianProcess

_FEATURES = 512


@dataclass(frozen=True)
class _Waves:
    """Cosines whose covariance is the curved part's."""

    columns: Floats
    summaries: Floats
    phases: Floats

    def __call__(self, kernel: Kernel, encoded: Encoded) -> Floats:
        """Features `(n, k)` such that independent standard normal weights give functions of the whole kernel."""
        chosen = kernel.hyperparameters
        angles = [encoded.columns @ self.columns, encoded.summaries @ self.summaries]
        sizes = [chosen.interaction, chosen.summary]
        waves = [
            np.sqrt(2 * size / _FEATURES) * np.cos(angle + phase)
            for size, angle, phase in zip(sizes, angles, self.phases, strict=True)
        ]
        linear = [encoded.columns * np.sqrt(kernel.effects), encoded.summaries * np.sqrt(chosen.slopes)]
        return np.asarray(np.sqrt(kernel.scale) * np.column_stack([*linear, *waves]))


@dataclass(frozen=True)
class Draws:
    """`count` functions of one posterior; the same functions wherever they are asked."""

    parts: tuple[tuple[float, GaussianProcess, _Waves, Floats, Floats], ...]

    def __call__(self, encoded: Encoded) -> Floats:
        """Targets without noise, `(count, n)`."""
        total = np.zeros((self.parts[0][3].shape[1], len(encoded)))
        for factor, process, waves, weights, corrections in self.parts:
            prior = waves(process.kernel, encoded) @ weights
            total += factor * (prior + process.kernel(encoded, process.encoded) @ corrections).T
        return total


def draw(posterior: Posterior, count: int, rng: np.random.Generator) -> Draws:
    """Draw `count` functions."""
    parts = []
    for term in posterior.terms:
        process = term.process
        waves = _draw_waves(process, rng)
        features = waves(process.kernel, process.encoded)
        weights = rng.normal(size=(features.shape[1], count))
        noise = rng.normal(size=(len(features), count)) * np.sqrt(process.noise)
        corrections = process.weights[:, None] - process.solve(features @ weights + noise)
        parts.append((term.factor, process, waves, weights, corrections))
    return Draws(tuple(parts))


def _draw_waves(process: GaussianProcess, rng: np.random.Generator) -> _Waves:
    kernel, encoded = process.kernel, process.encoded
    columns = rng.normal(size=(encoded.columns.shape[1], _FEATURES)) * np.sqrt(kernel.distances)[:, None]
    summaries = rng.normal(size=(encoded.summaries.shape[1], _FEATURES)) / kernel.hyperparameters.lengths[:, None]
    return _Waves(columns, summaries, rng.uniform(0, 2 * np.pi, (2, 1, _FEATURES)))
