"""The process against textbook formulas worked out with plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from search.predictor.gaussian_process import GaussianProcess, condition, fit_hyperparameters
from search.predictor.kernel import Encoded, Hyperparameters, Kernel

GENES = 4
GENE_OF_COLUMN = np.repeat(np.arange(GENES), 3)
START = Hyperparameters(
    np.full(GENES, 0.2), np.full(GENES, 0.3), np.ones(1), interaction=0.3, summary=0.2, slope=0.1, noise=0.05
)


def encoded(n: int, seed: int) -> Encoded:
    genomes = np.random.default_rng(seed).integers(0, 3, (n, GENES))
    one_hot = np.eye(3)[genomes].reshape(n, -1)
    return Encoded(one_hot, genomes.sum(axis=1, keepdims=True) / 3.0 - 1.3)


def targets(rows: Encoded, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    effects = np.random.default_rng(9).normal(size=3 * GENES)
    clean = rows.one_hot @ effects
    return (clean - clean.mean()) / 2 + np.random.default_rng(seed).normal(0, noise or 1e-12, len(rows))


@pytest.fixture(scope="module")
def process() -> GaussianProcess:
    rows = encoded(30, seed=0)
    return condition(Kernel(START, GENE_OF_COLUMN), rows, targets(rows, 0.2))


def full_covariance(process: GaussianProcess) -> np.ndarray:
    noise = process.kernel.hyperparameters.noise + 1e-8
    return process.kernel(process.encoded, process.encoded) + noise * np.eye(len(process.encoded))


def test_mean_and_deviation_are_the_posteriors(process: GaussianProcess) -> None:
    rows = encoded(12, seed=5)
    to_training = process.kernel(rows, process.encoded)
    inverse = np.linalg.inv(full_covariance(process))
    y = targets(process.encoded, 0.2)
    variance = process.kernel.diagonal(rows) - np.diag(to_training @ inverse @ to_training.T) + START.noise
    assert process.mean(rows) == pytest.approx(to_training @ inverse @ y, abs=1e-6)
    assert process.deviation(rows) == pytest.approx(np.sqrt(variance), abs=1e-6)


def test_left_out_scores_are_those_of_leaving_each_row_out(process: GaussianProcess) -> None:
    y = targets(process.encoded, 0.2)
    by_hand = []
    for row in range(len(y)):
        others = np.delete(np.arange(len(y)), row)
        without = condition(process.kernel, process.encoded[others], y[others])
        one = process.encoded[np.array([row])]
        by_hand.append(abs(y[row] - without.mean(one)[0]) / without.deviation(one)[0])
    assert process.left_out_scores() == pytest.approx(np.array(by_hand), rel=1e-4)


def test_no_rows_have_no_mean(process: GaussianProcess) -> None:
    assert process.mean(process.encoded[np.array([], dtype=np.int64)]).shape == (0,)


def test_fitting_finds_the_noise() -> None:
    rows = encoded(150, seed=1)
    for noise in (0.05, 0.4):
        found = fit_hyperparameters(rows, targets(rows, noise), GENE_OF_COLUMN)
        assert np.sqrt(found.noise) == pytest.approx(noise, rel=0.5)


def test_fitting_ignores_a_gene_without_effect() -> None:
    rows = encoded(150, seed=2)
    effects = np.repeat([1.0, 1.0, 1.0, 0.0], 3) * np.random.default_rng(3).normal(size=12)
    found = fit_hyperparameters(rows, rows.one_hot @ effects, GENE_OF_COLUMN)
    assert found.linear[3] < 0.1 * found.linear[:3].max()


def test_fitting_is_repeatable() -> None:
    rows = encoded(60, seed=4)
    first, second = (fit_hyperparameters(rows, targets(rows, 0.1), GENE_OF_COLUMN).to_vector() for _ in range(2))
    assert first.tobytes() == second.tobytes()
