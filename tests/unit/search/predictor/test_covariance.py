"""The kernel: a covariance, its parts, and its derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from search.predictor.covariance import Encoded, Hyperparameters, Kernel

CHOICES = np.array([3, 2, 3])
# Eight columns: one group for each gene, and one for the first column of each.
MEMBERSHIP = np.zeros((8, 4))
MEMBERSHIP[np.arange(8), [0, 0, 0, 1, 1, 2, 2, 2]] = 1
MEMBERSHIP[[0, 3, 5], 3] = 1
GROUPS, PARAMETERS = 4, 2 * 4 + 2 * 2 + 3


def encoded(n: int, seed: int = 0) -> Encoded:
    rng = np.random.default_rng(seed)
    genomes = rng.integers(0, CHOICES, (n, 3))
    one_hot = np.concatenate([np.eye(count)[genomes[:, gene]] for gene, count in enumerate(CHOICES)], axis=1)
    return Encoded(one_hot, rng.normal(size=(n, 2)))


def hyperparameters(seed: int = 0) -> Hyperparameters:
    return Hyperparameters.from_vector(np.random.default_rng(seed).normal(-0.5, 0.5, PARAMETERS), GROUPS)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(hyperparameters(), MEMBERSHIP)


def test_hyperparameters_survive_the_way_to_a_vector_and_back() -> None:
    vector = np.linspace(-2, 2, PARAMETERS)
    assert Hyperparameters.from_vector(vector, GROUPS).to_vector() == pytest.approx(vector)


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
    effects, distances = (np.array(factors) for factors in (chosen.linear, chosen.distance))
    effect, distance = (np.prod(np.where(MEMBERSHIP > 0, each, 1.0), axis=1) for each in (effects, distances))
    apart = (rows.summaries[0] - rows.summaries[1]) / chosen.lengths
    expected = (
        (effect * rows.columns[0]) @ rows.columns[1]
        + (chosen.slopes * rows.summaries[0]) @ rows.summaries[1]
        + chosen.interaction * np.exp(-0.5 * distance @ (rows.columns[0] - rows.columns[1]) ** 2)
        + chosen.summary * np.exp(-0.5 * apart @ apart)
    )
    assert kernel(rows, rows)[0, 1] == pytest.approx(expected)


def test_its_scale_multiplies_everything(kernel: Kernel) -> None:
    rows, scaled = encoded(6), Kernel(kernel.hyperparameters, MEMBERSHIP, scale=3.0)
    assert scaled(rows, rows) == pytest.approx(3 * kernel(rows, rows))
    assert scaled.diagonal(rows) == pytest.approx(3 * kernel.diagonal(rows))


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_agree_with_finite_differences(seed: int) -> None:
    rows = encoded(15, seed)
    weights = np.random.default_rng(seed).normal(size=(15, 15))
    weights += weights.T
    vector, step = hyperparameters(seed).to_vector(), 1e-6

    def weighted(at: np.ndarray) -> float:
        return float((weights * Kernel(Hyperparameters.from_vector(at, GROUPS), MEMBERSHIP)(rows, rows)).sum())

    steps = step * np.eye(PARAMETERS)[:-1]  # the last one is the noise, which is not the kernel's
    numeric = [(weighted(vector + one) - weighted(vector - one)) / (2 * step) for one in steps]
    made = Kernel(hyperparameters(seed), MEMBERSHIP).derivatives(rows, weights)
    assert made == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-6)


def test_rows_can_be_taken() -> None:
    rows = encoded(10)
    taken = rows[np.array([7, 2])]
    assert len(taken) == 2
    assert taken.summaries.tolist() == rows.summaries[[7, 2]].tolist()
