"""The linear model against closed forms and on costs that are known."""

from __future__ import annotations

import numpy as np
import pytest

from latency_tables.linear_model import (
    cross_validated_ms,
    fit_hyperparameters,
    fit_operator_costs,
    fit_table_costs,
)


def networks(rng: np.random.Generator, n: int, k: int, layers: int = 8) -> np.ndarray:
    counts = np.zeros((n, k))
    for row in counts:
        np.add.at(row, rng.integers(0, k, layers), 1.0)
    return counts


def test_without_data_the_prior_stays() -> None:
    found = fit_operator_costs(np.empty((0, 2)), np.empty(0), np.array([1.0, 2.0]), np.array([0.1, 0.3]), 0.01)
    assert found == pytest.approx([1.0, 2.0])


def test_one_operator_has_the_precision_weighted_mean() -> None:
    """Prior N(2, 0.5^2), one datum 3 with sd 0.03 * 3 = 0.09: the textbook result."""
    found = fit_operator_costs(np.array([[1.0]]), np.array([3.0]), np.array([2.0]), np.array([0.5]), 0.03)
    prior, data = 1 / 0.5**2, 1 / 0.09**2
    assert found == pytest.approx([(2.0 * prior + 3.0 * data) / (prior + data)])


def test_exact_data_give_the_exact_costs() -> None:
    rng = np.random.default_rng(1)
    costs = rng.uniform(0.1, 2.0, 5)
    counts = networks(rng, 60, 5)
    found = fit_operator_costs(counts, counts @ costs, np.ones(5), np.full(5, 5.0), 1e-4)
    assert found == pytest.approx(costs, rel=1e-3)


def test_costs_are_never_negative() -> None:
    counts = np.array([[1.0, 0.0], [1.0, 1.0]])
    latency_ms = np.array([2.0, 1.5])  # the second operator seems to take -0.5 ms
    found = fit_operator_costs(counts, latency_ms, np.array([2.0, 0.1]), np.array([1.0, 1.0]), 0.001)
    assert found[1] == 0.0
    assert found[0] > 0.0


def test_scale_and_noise_are_found() -> None:
    rng = np.random.default_rng(3)
    isolated_ms = rng.uniform(0.2, 2.0, 12)
    counts = networks(rng, 80, 12)
    latency_ms = counts @ (0.8 * isolated_ms) * np.exp(0.02 * rng.standard_normal(80))
    fitted = fit_hyperparameters(counts, latency_ms, isolated_ms)
    assert fitted.scale == pytest.approx(0.8, abs=0.05)
    assert fitted.noise in (0.01, 0.02)
    assert fitted.prior_width <= 0.03


def test_a_wider_spread_around_the_isolated_times_is_found() -> None:
    rng = np.random.default_rng(4)
    isolated_ms = rng.uniform(0.2, 2.0, 12)
    costs = isolated_ms * np.exp(0.2 * rng.standard_normal(12))
    counts = networks(rng, 80, 12)
    assert fit_hyperparameters(counts, counts @ costs, isolated_ms).prior_width >= 0.1


def test_without_networks_the_isolated_times_stand() -> None:
    isolated_ms = np.array([1.0, 2.0])
    costs = fit_table_costs(np.empty((0, 2)), np.empty(0), isolated_ms)
    assert costs[0] == pytest.approx(0.5)
    assert costs[1:] == pytest.approx([0.5, 1.5])


def test_networks_correct_isolated_times() -> None:
    rng = np.random.default_rng(5)
    costs = rng.uniform(0.1, 2.0, 20)
    isolated_ms = 1.2 * costs * np.exp(0.1 * rng.standard_normal(20)) + 0.02
    counts = networks(rng, 60, 20)
    fitted = fit_table_costs(counts, 0.05 + counts @ costs, isolated_ms)
    assert np.median(np.abs(fitted[1:] / costs - 1)) < 0.5 * np.median(np.abs(isolated_ms / costs - 1))
    assert np.all(fitted >= 0)


def test_cross_validation_does_not_see_the_network_it_predicts() -> None:
    rng = np.random.default_rng(6)
    isolated_ms = rng.uniform(0.5, 2.0, 6)
    counts = networks(rng, 20, 6)
    latency_ms = counts @ isolated_ms
    plain = cross_validated_ms(counts, latency_ms, isolated_ms, 20)
    broken = latency_ms.copy()
    broken[7] *= 3.0
    assert cross_validated_ms(counts, broken, isolated_ms, 20)[7] == pytest.approx(plain[7])
