"""Expected gains in hypervolume against sampling, and at the edges."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from search.surrogate.acquisition import Corner, LogNormal, corner_of, expected_gain


def _sampled_gain(
    beliefs: LogNormal, known: np.ndarray, measured: tuple[np.ndarray, np.ndarray], corner: Corner
) -> list:
    """By drawing errors and computing the hypervolume with and without each candidate."""
    draws = np.random.default_rng(0).normal(size=400)
    reference = np.append(corner.error, corner.known)
    front = np.column_stack(measured)
    before = moocore.hypervolume(front, ref=reference)
    gains = []
    for mean, deviation, costs in zip(beliefs.mean, beliefs.deviation, known, strict=True):
        errors = np.exp(mean + deviation * draws)
        after = [moocore.hypervolume(np.vstack([front, [error, *costs]]), ref=reference) for error in errors]
        gains.append(np.mean(after) - before)
    return gains


def _case(columns: int) -> tuple[LogNormal, np.ndarray, tuple[np.ndarray, np.ndarray], Corner]:
    rng = np.random.default_rng(columns)
    measured = rng.uniform(0.1, 0.5, 6), rng.uniform(0, 1, (6, columns))
    beliefs = LogNormal(np.log(rng.uniform(0.1, 0.4, 8)), rng.uniform(0.05, 0.5, 8))
    corner = Corner(0.55, np.zeros(columns), np.full(columns, 1.05))
    return beliefs, rng.uniform(0, 1, (8, columns)), measured, corner


def test_one_known_objective_is_exact() -> None:
    case = _case(1)
    np.testing.assert_allclose(expected_gain(*case), _sampled_gain(*case), atol=0.004)


@pytest.mark.parametrize("columns", [2, 3])
def test_more_known_objectives_come_close(columns: int) -> None:
    beliefs, known, measured, corner = _case(columns)
    share = expected_gain(beliefs, known, measured, corner)
    volume = np.prod(corner.known - corner.lowest)
    np.testing.assert_allclose(share * volume, _sampled_gain(beliefs, known, measured, corner), atol=0.01)


def test_without_known_objectives_it_is_the_expected_improvement() -> None:
    beliefs, _, (errors, _), corner = _case(1)
    gain = expected_gain(beliefs, np.empty((8, 0)), (errors, np.empty((6, 0))), corner)
    draws = np.exp(beliefs.mean + beliefs.deviation * np.random.default_rng(0).normal(size=(20_000, 1)))
    np.testing.assert_allclose(gain, np.maximum(errors.min() - draws, 0).mean(axis=0), atol=0.003)


def test_nothing_is_gained_behind_the_front_or_beyond_the_corner() -> None:
    certain = LogNormal(np.log(np.array([0.3, 0.3, 0.1])), np.full(3, 1e-6))
    known = np.array([[0.6], [0.4], [1.2]])
    gain = expected_gain(certain, known, (np.array([0.25]), np.array([[0.5]])), Corner(0.5, np.zeros(1), np.ones(1)))
    np.testing.assert_allclose(gain, [0.0, 0.2 * 0.1, 0.0], atol=1e-6)


def test_with_nothing_measured_below_the_limit_all_of_the_room_can_be_gained() -> None:
    certain = LogNormal(np.log(np.array([0.1])), np.array([1e-6]))
    corner = Corner(0.2, np.zeros(1), np.ones(1))
    gain = expected_gain(certain, np.array([[0.5]]), (np.array([0.4]), np.array([[0.1]])), corner)
    np.testing.assert_allclose(gain, [0.1 * 0.5], atol=1e-6)


def test_a_wider_belief_gains_more_at_the_same_middle() -> None:
    beliefs = LogNormal(np.log(np.array([0.3, 0.3])), np.array([0.05, 0.5]))
    gain = expected_gain(beliefs, np.full((2, 1), 0.6), (np.array([0.25]), np.array([[0.5]])), _case(1)[3])
    assert gain[1] > gain[0] > 0


def test_the_corner_is_a_tenth_beyond_the_front() -> None:
    errors, known = np.array([0.5, 0.1, 0.9]), np.array([[1.0], [3.0], [9.0]])
    corner = corner_of(errors, known, np.array([5.0]), np.array([1.0]))
    assert corner.error == pytest.approx(0.1 + 1.1 * 0.4)
    assert corner.known[0] == pytest.approx(1.0 + 1.1 * 4.0)


def test_a_front_of_one_leaves_room_up_to_the_worst_error() -> None:
    corner = corner_of(np.array([0.1, 0.3]), np.array([[1.0], [2.0]]), np.array([1.0]), np.array([1.0]))
    assert corner.error == pytest.approx(0.1 + 1.1 * 0.2)
