"""The cost model against closed forms and on costs that are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from latency_tables import CostPosterior, CostPrior, fit_costs
from latency_tables.cost_model import NOISES, without_negative_costs
from latency_tables.isolated import prior_from_isolated, with_neighbours


def networks(rng: np.random.Generator, n: int, k: int, layers: int = 8) -> np.ndarray:
    """Counts with the fixed cost's column of ones first."""
    counts = np.zeros((n, 1 + k))
    counts[:, 0] = 1.0
    for row in counts[:, 1:]:
        np.add.at(row, rng.integers(0, k, layers), 1.0)
    return counts


def simple_prior(mean: list[float], own: list[float], **changes: object) -> CostPrior:
    """Costs that vary each by itself, with one width of 1."""
    k = len(mean)
    prior = CostPrior(np.array(mean), np.zeros((k, 1)), np.array(own), (1.0,), 1.0, 1.0, 0.05, 1.0, scaled=False)
    return dataclasses.replace(prior, **changes)  # type: ignore[arg-type]


def test_without_networks_the_prior_stays() -> None:
    posterior = fit_costs(np.empty((0, 2)), np.empty(0), simple_prior([1.0, 2.0], [0.1, 0.3]))
    assert posterior.mean == pytest.approx([1.0, 2.0])
    assert posterior.factor @ posterior.factor.T == pytest.approx(np.diag([0.01, 0.09]))


def test_one_cost_has_the_precision_weighted_mean_and_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prior N(2, 0.5^2), one latency of 2.1 with sd 0.03 * 2.1, no reweighting: the textbook result."""
    monkeypatch.setattr("latency_tables.cost_model.NOISES", np.array([0.03]))
    monkeypatch.setattr("latency_tables.cost_model.FREEDOM", 1e9)
    posterior = fit_costs(np.array([[1.0]]), np.array([2.1]), simple_prior([2.0], [0.5]))
    prior, measured = 1 / 0.5**2, 1 / (0.03 * 2.1) ** 2
    assert posterior.mean == pytest.approx([(2.0 * prior + 2.1 * measured) / (prior + measured)])
    assert np.square(posterior.factor).sum() == pytest.approx(1 / (prior + measured))


def test_exact_latencies_give_the_exact_costs() -> None:
    rng = np.random.default_rng(1)
    costs = rng.uniform(0.1, 2.0, 6)
    counts = networks(rng, 80, 5)
    posterior = fit_costs(counts, counts @ costs, simple_prior([1.0] * 6, [5.0] * 6))
    assert posterior.mean == pytest.approx(costs, abs=0.05)
    assert posterior.noise == pytest.approx(NOISES[0], rel=0.5)


def test_the_noise_is_found() -> None:
    rng = np.random.default_rng(2)
    counts = networks(rng, 200, 5)
    latency_ms = counts @ np.full(6, 1.0) * np.exp(0.04 * rng.standard_normal(200))
    assert fit_costs(counts, latency_ms, simple_prior([1.0] * 6, [1.0] * 6)).noise == pytest.approx(0.04, rel=0.25)


def test_one_disturbed_measurement_counts_little() -> None:
    rng = np.random.default_rng(3)
    counts = networks(rng, 40, 5)
    latency_ms = counts @ np.full(6, 1.0) * np.exp(0.01 * rng.standard_normal(40))
    prior = simple_prior([1.0] * 6, [1.0] * 6)
    disturbed = latency_ms.copy()
    disturbed[7] *= 2.0
    moved = np.abs(fit_costs(counts, disturbed, prior).mean - fit_costs(counts, latency_ms, prior).mean).max()
    assert moved < 0.05


def test_intervals_cover_what_they_say() -> None:
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(20):
        costs = 1.0 + 0.3 * rng.standard_normal(9)
        counts = networks(rng, 130, 8)
        latency_ms = counts @ costs * np.exp(0.03 * rng.standard_normal(130))
        posterior = fit_costs(counts[:30], latency_ms[:30], simple_prior([1.0] * 9, [0.3] * 9))
        off = np.abs(posterior.predict_ms(counts[30:]) - latency_ms[30:])
        inside.append(np.mean(off <= posterior.half_width_ms(counts[30:])))
    assert 0.85 < np.mean(inside) < 0.95


def test_a_scaled_prior_takes_its_unit_from_the_networks() -> None:
    rng = np.random.default_rng(5)
    counts = networks(rng, 5, 4)
    prior = simple_prior([0.1, 0.2, 0.1, 0.3, 0.1], [0.001] * 5, scaled=True)
    posterior = fit_costs(counts, 70.0 * counts @ prior.mean, prior)
    assert posterior.mean == pytest.approx(70.0 * prior.mean, rel=0.01)


@pytest.mark.parametrize(
    ("counts", "latency_ms", "scaled", "message"),
    [
        ([[1.0, 2.0]], [1.0, 2.0], False, "counts must be"),
        ([[1.0]], [1.0], False, "counts must be"),
        ([[1.0, np.nan]], [1.0], False, "finite"),
        ([[1.0, 2.0]], [0.0], False, "above 0"),
        ([[1.0, 2.0]], [-1.0], False, "above 0"),
        ([[1.0, 2.0]], [np.inf], False, "finite"),
        ([[0.0, 0.0]], [1.0], True, "takes 0 ms"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    counts: list[list[float]], latency_ms: list[float], message: str, *, scaled: bool
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_costs(np.array(counts), np.array(latency_ms), simple_prior([1.0, 1.0], [1.0, 1.0], scaled=scaled))


def test_a_scaled_prior_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_costs(np.empty((0, 1)), np.empty(0), simple_prior([1.0], [1.0], scaled=True))


def test_costs_are_never_negative_in_a_table() -> None:
    mean, factor = np.array([2.0, -0.2]), np.array([[0.3, 0.0], [-0.2, 0.2]])
    bounded = without_negative_costs(CostPosterior(mean, factor, 0.01, 1.6, 0.0))
    assert bounded.mean[1] == 0.0
    # The two move against each other: what the second gains the first loses.
    assert bounded.mean[0] == pytest.approx(2.0 - 0.2 * 0.06 / 0.08, abs=1e-3)
    assert without_negative_costs(dataclasses.replace(bounded, mean=np.array([1.0, 0.0]))).mean[0] == 1.0


def test_networks_correct_isolated_times() -> None:
    rng = np.random.default_rng(6)
    costs = rng.uniform(0.1, 2.0, 20)
    isolated_ms = 1.2 * costs * np.exp(0.1 * rng.standard_normal(20)) + 0.02
    counts = networks(rng, 60, 20)
    latency_ms = 0.05 + counts[:, 1:] @ costs
    found = fit_costs(counts, latency_ms, prior_from_isolated(isolated_ms)).mean[1:]
    assert np.median(np.abs(found / costs - 1)) < 0.5 * np.median(np.abs(isolated_ms / costs - 1))


def test_without_networks_isolated_times_stand_less_a_call() -> None:
    posterior = fit_costs(np.empty((0, 3)), np.empty(0), prior_from_isolated(np.array([1.0, 2.0])))
    assert posterior.mean == pytest.approx([0.5, 0.5, 1.5])


def test_neighbour_terms_begin_at_nothing() -> None:
    plain = prior_from_isolated(np.array([1.0, 2.0]))
    beside = with_neighbours(plain, np.array([1.0, 0.5, 2.0]), 0.3)
    assert beside.mean.tolist() == [*plain.mean.tolist(), 0.0, 0.0, 0.0]
    assert beside.basis.shape == (6, plain.basis.shape[1])
    assert (beside.own[3:] < plain.own[1:].max()).all()
