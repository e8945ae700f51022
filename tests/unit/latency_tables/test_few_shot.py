"""Few-shot costs: a new device from known ones and a few networks, on devices made up by a rule."""

from __future__ import annotations

import numpy as np
import pytest

from latency_tables import choose_networks, fit_few_shot, fit_known_device, prior_from_tables, prior_with_kinds

K = 12


def networks(rng: np.random.Generator, n: int) -> np.ndarray:
    counts = np.zeros((n, 1 + K))
    counts[:, 0] = 1.0
    for row in counts[:, 1:]:
        np.add.at(row, rng.integers(0, K, 6), 1.0)
    return counts


def device(rng: np.random.Generator) -> np.ndarray:
    """Costs that share a profile, lean towards one of two directions, and have a speed of their own."""
    profile = np.linspace(0.2, 2.0, K)
    lean = np.where(np.arange(K) % 2, 1.0, -1.0) * rng.normal(0.0, 0.3)
    own = np.exp(0.05 * rng.standard_normal(K))
    return rng.uniform(0.2, 20.0) * np.concatenate([[0.5], profile * (1.0 + lean) * own])


@pytest.fixture
def known() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.stack([device(rng) for _ in range(8)])


def test_many_networks_tell_a_known_devices_costs() -> None:
    rng = np.random.default_rng(2)
    counts, costs = networks(rng, 500), device(rng)
    found = fit_known_device(counts, counts @ costs)
    assert counts @ found == pytest.approx(counts @ costs, rel=0.01)


def test_ten_networks_and_known_devices_beat_the_known_devices_alone(known: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    counts = networks(rng, 400)
    prior = prior_from_tables(known, counts)
    errors, errors_before = [], []
    for _ in range(10):
        latency_ms = counts @ device(rng) * np.exp(0.02 * rng.standard_normal(400))
        fit = fit_few_shot([counts[:10]], latency_ms[:10], [prior])
        predicted = fit.predict_ms([counts[10:]])
        mean = counts @ prior.mean
        before = mean[10:] * np.median(latency_ms[:10] / mean[:10])
        errors.append(np.mean(np.abs(predicted / latency_ms[10:] - 1)))
        errors_before.append(np.mean(np.abs(before / latency_ms[10:] - 1)))
    assert np.mean(errors) < 0.05
    assert np.mean(errors) < 0.6 * np.mean(errors_before)


def test_the_prior_does_not_depend_on_how_fast_the_known_devices_are(known: np.ndarray) -> None:
    counts = networks(np.random.default_rng(4), 50)
    plain = prior_from_tables(known, counts)
    faster = prior_from_tables(known * np.arange(1, 9)[:, None], counts)
    assert faster.mean == pytest.approx(plain.mean)
    assert faster.basis == pytest.approx(plain.basis)


def test_the_reading_that_the_runtime_follows_is_found(known: np.ndarray) -> None:
    """The second reading lacks every third operator, and so does the device."""
    rng = np.random.default_rng(5)
    everything = networks(rng, 200)
    live = everything.copy()
    live[:, 3::3] = 0.0
    prior = prior_from_tables(known, everything)
    latency_ms = live @ known[2] * np.exp(0.01 * rng.standard_normal(200))
    fit = fit_few_shot([everything[:20], live[:20]], latency_ms[:20], [prior])
    assert fit.reading_shares[1] > 0.99
    assert fit.predict_ms([everything, live]) == pytest.approx(latency_ms, rel=0.2)


def test_unsure_readings_widen_the_interval(known: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    counts = networks(rng, 100)
    prior = prior_from_tables(known, counts)
    latency_ms = counts @ known[0]
    one = fit_few_shot([counts[:3]], latency_ms[:3], [prior])
    other = counts.copy()
    other[3:, 1:] = np.roll(counts[3:, 1:], 5, axis=1)  # the same where it was measured, another elsewhere
    two = fit_few_shot([counts[:3], other[:3]], latency_ms[:3], [prior], [0.5, 0.5])
    assert two.reading_shares == pytest.approx((0.5, 0.5))
    readings = [counts[3:], other[3:]]
    assert two.half_width_ms(readings).mean() > one.half_width_ms([counts[3:]]).mean()


def test_a_device_unlike_the_known_ones_is_told_by_its_kinds(known: np.ndarray) -> None:
    """On it all operators of one kind take twice as long."""
    rng = np.random.default_rng(12)
    counts = networks(rng, 200)
    kinds = np.array([-1, *(np.arange(K) // 4)])
    costs = known.mean(axis=0) * np.where(kinds == 1, 2.0, 1.0)
    latency_ms = counts @ costs * np.exp(0.01 * rng.standard_normal(200))
    plain = prior_from_tables(known, counts)
    errors = []
    for priors in ([plain], [plain, prior_with_kinds(plain, kinds)]):
        predicted = fit_few_shot([counts[:12]], latency_ms[:12], priors).predict_ms([counts[12:]])
        errors.append(np.mean(np.abs(predicted / latency_ms[12:] - 1)))
    assert errors[1] < 0.7 * errors[0], errors


def test_one_known_device_is_enough(known: np.ndarray) -> None:
    counts = networks(np.random.default_rng(7), 30)
    fit = fit_few_shot([counts[:5]], 3.0 * counts[:5] @ known[0], [prior_from_tables(known[:1], counts)])
    assert fit.predict_ms([counts]) == pytest.approx(3.0 * counts @ known[0], rel=0.02)


def test_chosen_networks_leave_less_variance_than_drawn_ones(known: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    counts = networks(rng, 200)
    prior = prior_from_tables(known, counts)
    covariance = prior.basis @ prior.basis.T + np.diag(np.square(0.02 * prior.own))

    def variance_left(rows: list[int]) -> float:
        seen = counts[rows] @ covariance
        inner = counts[rows] @ covariance @ counts[rows].T + 0.08**2 * np.eye(len(rows))
        return float(np.trace(counts @ (covariance - seen.T @ np.linalg.solve(inner, seen)) @ counts.T))

    chosen = variance_left(choose_networks(counts, 10, covariance))
    drawn = [variance_left(rng.choice(200, 10, replace=False).tolist()) for _ in range(20)]
    assert chosen < min(drawn)


@pytest.mark.parametrize("with_prior", [False, True])
def test_a_network_is_chosen_once(*, with_prior: bool) -> None:
    counts = networks(np.random.default_rng(9), 30)
    chosen = choose_networks(counts, 30, np.eye(1 + K) if with_prior else None)
    assert sorted(chosen) == list(range(30))
    assert choose_networks(counts, 0) == []


def test_the_first_chosen_do_not_depend_on_how_many_follow() -> None:
    counts = networks(np.random.default_rng(10), 40)
    assert choose_networks(counts, 4) == choose_networks(counts, 9)[:4]


@pytest.mark.parametrize("count", [-1, 31])
def test_no_more_networks_are_chosen_than_there_are(count: int) -> None:
    with pytest.raises(ValueError, match="cannot be chosen from 30"):
        choose_networks(networks(np.random.default_rng(11), 30), count)
