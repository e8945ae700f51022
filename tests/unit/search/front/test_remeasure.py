"""A front timed again: ranks, shares and agreement, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import latency_tables
from search import Remeasured, remeasured_front
from search.front import remeasure
from search.front.pareto import non_dominated
from search.front.remeasure import pareto_ranks, unbeaten

FRONT = np.array([[0.1, 4.0], [0.2, 3.0], [0.3, 2.0], [0.4, 1.0]])
"""Error and latency in ms of four networks that do not dominate each other."""


def timed_again(first: list[float], second: list[float] | None = None) -> Remeasured:
    second = first if second is None else second
    return remeasured_front(FRONT, [1], np.array([first]).T, np.array([second]).T)


def test_a_front_that_is_as_foretold_stays_whole() -> None:
    found = timed_again([4.0, 3.0, 2.0, 1.0])
    assert found.ranks.tolist() == [1, 1, 1, 1]
    assert (found.still_non_dominated, found.repeat_still_non_dominated) == (1.0, 1.0)
    assert (found.within_noise, found.repeat_within_noise, found.noise) == (1.0, 1.0, (0.0,))
    assert found.agreement[0].mape == 0
    assert found.agreement[0].kendall_tau == pytest.approx(1.0)


def test_a_network_that_is_slower_than_a_better_one_leaves() -> None:
    """The second and third take 5 and 4.5 ms: both lose to the first, and the second gets no worse by the third."""
    found = timed_again([4.0, 5.0, 4.5, 1.0])
    assert found.ranks.tolist() == [1, 2, 2, 1]
    assert found.still_non_dominated == 0.5
    assert found.repeat_still_non_dominated == 1.0


def test_ranks_peel_one_front_after_another() -> None:
    values = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [2.0, 1.5], [0.5, 9.0]])
    assert pareto_ranks(values).tolist() == [1, 3, 4, 2, 1]


def test_rank_1_is_the_front() -> None:
    values = np.random.default_rng(0).random((80, 3))
    np.testing.assert_array_equal(pareto_ranks(values) == 1, non_dominated(values))


def test_equal_networks_do_not_beat_each_other() -> None:
    assert pareto_ranks(np.ones((3, 2))).tolist() == [1, 1, 1]
    assert unbeaten(np.ones((3, 2)), np.zeros(2)).all()


def test_a_repeat_is_judged_by_the_second_measurement_alone() -> None:
    found = timed_again([4.0, 3.0, 2.0, 1.0], [4.0, 4.2, 2.0, 1.0])
    assert found.still_non_dominated == 1.0
    assert found.repeat_still_non_dominated == 0.75


def test_a_repeat_has_only_the_networks_that_the_first_measurement_left() -> None:
    """The second network has left by the first measurement; of the other three the third leaves by the second."""
    found = timed_again([4.0, 5.0, 2.0, 1.0], [4.0, 1.5, 4.1, 1.0])
    assert found.still_non_dominated == 0.75
    assert found.repeat_still_non_dominated == pytest.approx(2 / 3)


def test_what_is_lost_by_less_than_the_noise_is_told_apart() -> None:
    """The second network is 1 % slower than the first, and the measurement repeats to 2 %."""
    found = timed_again([3.0, 3.03, 2.0, 1.0], [3.06, 3.0906, 2.04, 1.02])
    assert found.noise == (pytest.approx(0.02),)
    assert (found.still_non_dominated, found.within_noise) == (0.75, 1.0)


def test_what_is_lost_by_more_than_the_noise_is_lost() -> None:
    found = timed_again([3.0, 3.3, 2.0, 1.0], [3.06, 3.366, 2.04, 1.02])
    assert found.within_noise == 0.75


def test_tolerance_widens_only_its_own_columns() -> None:
    values = np.array([[0.20, 1.0], [0.21, 1.0]])
    assert unbeaten(values, np.array([0.0, 0.05])).tolist() == [True, True]
    assert unbeaten(values, np.array([0.0, 0.0])).tolist() == [True, False]
    assert unbeaten(values, np.array([0.1, 0.0])).tolist() == [True, True]


def test_agreement_is_relative_to_the_measurement() -> None:
    agreement = timed_again([4.0 / 1.04, 3.0 / 1.08, 2.0 / 1.2, 1.0]).agreement[0]
    assert agreement.mape == pytest.approx((0.04 + 0.08 + 0.2 + 0) / 4)
    assert (agreement.within_5, agreement.within_10) == (0.5, 0.75)


def test_repeatability_is_of_the_second_against_the_first() -> None:
    repeat = timed_again([4.0, 3.0, 2.0, 1.0], [4.4, 3.3, 2.2, 1.1]).repeatability[0]
    assert repeat.mape == pytest.approx(0.1)
    assert repeat.kendall_tau == pytest.approx(1.0)


def test_several_devices_are_judged_together_and_told_apart() -> None:
    values = np.array([[0.1, 4.0, 9.0], [0.2, 3.0, 5.0], [0.3, 2.0, 1.0]])
    times = np.array([[4.0, 9.0], [5.0, 10.0], [2.2, 1.0]])
    found = remeasured_front(values, [1, 2], times, times)
    assert found.ranks.tolist() == [1, 2, 1]
    assert [round(column.mape, 4) for column in found.agreement] == [round((0.4 + 0.2 / 2.2) / 3, 4), round(0.5 / 3, 4)]


def test_a_column_that_is_not_timed_keeps_its_values() -> None:
    """Slower than all, and still on the front by its size."""
    values = np.column_stack([FRONT, [4.0, 1.0, 3.0, 2.0]])
    times = np.array([[4.0], [40.0], [2.0], [1.0]])
    assert remeasured_front(values, [1], times, times).ranks.tolist() == [1, 1, 1, 1]


def test_one_network_is_a_front_without_a_rank_order() -> None:
    found = remeasured_front(FRONT[:1], [1], np.array([[5.0]]), np.array([[5.5]]))
    assert (found.still_non_dominated, found.repeat_still_non_dominated) == (1.0, 1.0)
    assert found.agreement[0].kendall_tau is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_a_time_that_cannot_be_is_refused(wrong: float, which: int) -> None:
    times = [np.ones((4, 1)), np.ones((4, 1))]
    times[which][2] = wrong
    with pytest.raises(ValueError, match="finite and above 0"):
        remeasured_front(FRONT, [1], *times)


@pytest.mark.parametrize(
    ("values", "timed", "shape"),
    [(FRONT, [1], (3, 1)), (FRONT, [], (4, 0)), (FRONT[:0], [1], (0, 1)), (FRONT, [1], (4, 2))],
)
def test_shapes_that_do_not_fit_are_refused(values: np.ndarray, timed: list[int], shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="are needed twice"):
        remeasured_front(values, timed, np.ones(shape), np.ones(shape))


def test_its_input_stays_as_it_was() -> None:
    before = FRONT.copy()
    timed_again([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(FRONT, before)


def test_ranks_are_compared_as_the_tables_do() -> None:
    """One definition of the rank agreement for tables and for fronts."""
    assert remeasure.kendall_tau is latency_tables.kendall_tau
