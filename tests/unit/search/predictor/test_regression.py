"""The process against textbook formulas worked out with plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from search.predictor.covariance import Encoded, Hyperparameters, Kernel
from search.predictor.regression import GaussianProcess, condition, fit_hyperparameters, scale_and_noise

GENES = 4
MEMBERSHIP = np.repeat(np.eye(GENES), 3, axis=0)
NOISE = 0.05
START = Hyperparameters(
    np.full(GENES, 0.2), np.full(GENES, 0.3), np.ones(1), np.full(1, 0.1), interaction=0.3, summary=0.2, noise=NOISE
)


def encoded(n: int, seed: int) -> Encoded:
    genomes = np.random.default_rng(seed).integers(0, 3, (n, GENES))
    one_hot = np.eye(3)[genomes].reshape(n, -1)
    return Encoded(one_hot, genomes.sum(axis=1, keepdims=True) / 3.0 - 1.3)


def targets(rows: Encoded, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    effects = np.random.default_rng(9).normal(size=3 * GENES)
    clean = rows.columns @ effects
    return (clean - clean.mean()) / 2 + np.random.default_rng(seed).normal(0, noise or 1e-12, len(rows))


@pytest.fixture(scope="module")
def process() -> GaussianProcess:
    rows = encoded(30, seed=0)
    return condition(Kernel(START, MEMBERSHIP), rows, targets(rows, 0.2), NOISE)


def full_covariance(process: GaussianProcess) -> np.ndarray:
    noise = process.noise + 1e-6
    return process.kernel(process.encoded, process.encoded) + noise * np.eye(len(process.encoded))


def test_mean_and_variance_are_the_posteriors(process: GaussianProcess) -> None:
    rows = encoded(12, seed=5)
    to_training = process.kernel(rows, process.encoded)
    inverse = np.linalg.inv(full_covariance(process))
    y = targets(process.encoded, 0.2)
    variance = process.kernel.diagonal(rows) - np.diag(to_training @ inverse @ to_training.T)
    assert process.mean(rows) == pytest.approx(to_training @ inverse @ y, abs=1e-6)
    assert process.variance(rows) == pytest.approx(variance, abs=1e-6)


def test_no_rows_have_no_mean(process: GaussianProcess) -> None:
    assert process.mean(process.encoded[np.array([], dtype=np.int64)]).shape == (0,)


def test_solving_is_multiplying_with_the_inverse(process: GaussianProcess) -> None:
    columns = np.random.default_rng(2).normal(size=(30, 3))
    assert full_covariance(process) @ process.solve(columns) == pytest.approx(columns, abs=1e-6)


def test_fitting_finds_the_noise() -> None:
    rows = encoded(150, seed=1)
    for noise in (0.05, 0.4):
        found = fit_hyperparameters(rows, targets(rows, noise), MEMBERSHIP)
        assert np.sqrt(found.noise) == pytest.approx(noise, rel=0.5)


def test_fitting_ignores_a_gene_without_effect() -> None:
    rows = encoded(150, seed=2)
    effects = np.repeat([1.0, 1.0, 1.0, 0.0], 3) * np.random.default_rng(3).normal(size=12)
    found = fit_hyperparameters(rows, rows.columns @ effects, MEMBERSHIP)
    assert found.linear[3] < 0.2 * found.linear[:3].max()


def test_fitting_is_repeatable() -> None:
    rows = encoded(60, seed=4)
    first, second = (fit_hyperparameters(rows, targets(rows, 0.1), MEMBERSHIP).to_vector() for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_scale_and_noise_are_found_when_the_shape_is_known() -> None:
    rows, kernel = encoded(200, seed=6), Kernel(START, MEMBERSHIP)
    rng = np.random.default_rng(0)
    function = np.linalg.cholesky(kernel(rows, rows) + 1e-9 * np.eye(200)) @ rng.normal(size=200)
    scale, noise = scale_and_noise(kernel, rows, 2 * function + rng.normal(0, 0.5, 200))
    assert scale == pytest.approx(4, rel=0.5)
    assert noise == pytest.approx(0.25, rel=0.3)
