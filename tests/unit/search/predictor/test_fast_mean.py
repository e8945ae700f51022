"""The mean that a search asks, against the definition, with few rows and with many."""

from __future__ import annotations

import numpy as np
import pytest

from search.predictor.covariance import Encoded, Hyperparameters, Kernel
from search.predictor.fast_mean import FastMean, fast_mean

GENES = 5
MEMBERSHIP = np.repeat(np.eye(GENES), 3, axis=0)
KERNEL = Kernel(
    Hyperparameters(np.full(GENES, 0.2), np.ones(GENES), np.full(2, 1.5), np.full(2, 0.1), 0.4, 0.3, 0.05), MEMBERSHIP
)


def encoded(n: int, seed: int) -> Encoded:
    genomes = np.random.default_rng(seed).integers(0, 3, (n, GENES))
    columns = np.eye(3)[genomes].reshape(n, -1)
    return Encoded(columns, columns @ np.random.default_rng(0).normal(size=(3 * GENES, 2)))


def both(rows: int, candidates: int) -> tuple[FastMean, np.ndarray, Encoded]:
    known, asked = encoded(rows, 1), encoded(candidates, 2)
    weights = np.random.default_rng(3).normal(size=rows)
    return fast_mean(KERNEL, known, weights), KERNEL(asked, known) @ weights, asked


@pytest.mark.parametrize(("rows", "tolerance"), [(20, 1e-10), (512, 1e-9), (2000, 1e-4)])
def test_it_is_the_mean_of_the_definition(rows: int, tolerance: float) -> None:
    fast, expected, asked = both(rows, 150)
    assert fast(asked) == pytest.approx(expected, abs=tolerance)
    assert fast(asked).dtype == np.float64


def test_single_precision_keeps_the_order() -> None:
    fast, expected, asked = both(2000, 300)
    apart = np.abs(expected[:, None] - expected) > 1e-3
    found = fast(asked)
    assert (np.sign(found[:, None] - found) == np.sign(expected[:, None] - expected))[apart].all()


def test_nothing_asked_is_nothing_answered() -> None:
    fast, _, _ = both(20, 5)
    assert fast(encoded(5, 2)[np.array([], dtype=np.int64)]).shape == (0,)
