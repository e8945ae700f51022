"""The kernel: a covariance, its parts, and its derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from search.predictor.kernel import Encoded, Hyperparameters, Kernel

GENE_OF_COLUMN = np.array([0, 0, 0, 1, 1, 2, 2, 2])
CHOICES = np.array([3, 2, 3])


def encoded(n: int, seed: int = 0) -> Encoded:
    rng = np.random.default_rng(seed)
    genomes = rng.integers(0, CHOICES, (n, 3))
    one_hot = np.concatenate([np.eye(count)[genomes[:, gene]] for gene, count in enumerate(CHOICES)], axis=1)
    return Encoded(one_hot, rng.normal(size=(n, 2)))


def hyperparameters(seed: int = 0) -> Hyperparameters:
    # 2 x 3 genes, 2 features, 4 scalars.
    return Hyperparameters.from_vector(np.random.default_rng(seed).normal(-0.5, 0.5, 12), genes=3)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(hyperparameters(), GENE_OF_COLUMN)


def test_hyperparameters_survive_the_way_to_a_vector_and_back() -> None:
    vector = np.linspace(-2, 2, 12)
    assert Hyperparameters.from_vector(vector, genes=3).to_vector() == pytest.approx(vector)


def test_it_is_symmetric_and_positive(kernel: Kernel) -> None:
    rows = encoded(40)
    covariance = kernel(rows, rows)
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_its_diagonal_is_the_variance(kernel: Kernel) -> None:
    rows = encoded(20)
    assert kernel.diagonal(rows) == pytest.approx(np.diag(kernel(rows, rows)))


def test_it_is_what_its_definition_says(kernel: Kernel) -> None:
    rows, chosen = encoded(2, seed=3), kernel.hyperparameters
    same = np.array([(rows.one_hot[0] * rows.one_hot[1])[gene == GENE_OF_COLUMN].sum() for gene in range(3)])
    apart = (rows.features[0] - rows.features[1]) / chosen.lengths
    expected = (
        chosen.linear @ same
        + chosen.slope * rows.features[0] @ rows.features[1]
        + chosen.interaction * np.exp(-chosen.distance @ (1 - same))
        + chosen.summary * np.exp(-0.5 * apart @ apart)
    )
    assert kernel(rows, rows)[0, 1] == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_agree_with_finite_differences(seed: int) -> None:
    rows = encoded(15, seed)
    weights = np.random.default_rng(seed).normal(size=(15, 15))
    weights += weights.T
    vector, step = hyperparameters(seed).to_vector(), 1e-6

    def weighted(at: np.ndarray) -> float:
        return float((weights * Kernel(Hyperparameters.from_vector(at, 3), GENE_OF_COLUMN)(rows, rows)).sum())

    steps = step * np.eye(12)[:-1]  # the last one is the noise, which is not the kernel's
    numeric = [(weighted(vector + one) - weighted(vector - one)) / (2 * step) for one in steps]
    made = Kernel(hyperparameters(seed), GENE_OF_COLUMN).derivatives(rows, weights)
    assert made == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-6)


def test_rows_can_be_taken() -> None:
    rows = encoded(10)
    taken = rows[np.array([7, 2])]
    assert len(taken) == 2
    assert taken.features.tolist() == rows.features[[7, 2]].tolist()
