"""Survival: Deb's rules, one by one, and pymoo's NSGA-II as the reference for all of them together."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import RankAndCrowdingSurvival
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance

from search.evolution.survival import best_first, crowding_distances

KEPT = np.zeros(5)


def pymoo_survivors(values: np.ndarray, violation: np.ndarray, size: int) -> set[int]:
    problem = Problem(n_var=1, n_obj=values.shape[1], n_ieq_constr=1, xl=0, xu=1)
    population = Population.new("X", np.arange(len(values))[:, None])
    population.set("F", values, "G", violation[:, None], "CV", violation[:, None])
    survivors = RankAndCrowdingSurvival().do(problem, population, n_survive=size, random_state=np.random.default_rng(0))
    return set(survivors.get("X").ravel().astype(int).tolist())


@pytest.mark.parametrize("columns", [2, 3, 4])
@pytest.mark.parametrize("infeasible", [0.0, 0.3, 0.9, 1.0])
def test_the_same_rows_survive_as_with_pymoo(columns: int, infeasible: float) -> None:
    rng = np.random.default_rng([columns, int(10 * infeasible)])
    # Three shells, cut where more than their ends stay: of rows with infinite crowding pymoo takes any.
    shells = np.abs(rng.normal(size=(300, columns)))
    values = shells / np.linalg.norm(shells, axis=1, keepdims=True) * rng.integers(1, 4, (300, 1))
    violation = np.where(rng.random(300) < infeasible, rng.random(300), 0.0)
    for size in (130, 180, 299):
        assert set(best_first(values, violation, size).tolist()) == pymoo_survivors(values, violation, size)


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_crowding_is_that_of_pymoo(columns: int) -> None:
    values = np.random.default_rng(columns).random((40, columns))
    assert crowding_distances(values) == pytest.approx(columns * calc_crowding_distance(values))


def test_a_column_of_equal_values_says_nothing_about_crowding() -> None:
    values = np.random.default_rng(0).random((10, 1))
    beside = np.column_stack([values, np.full(10, 3.0)])
    assert crowding_distances(beside).tolist() == crowding_distances(values).tolist()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_front_of_two_is_not_crowded(rows: int) -> None:
    assert crowding_distances(np.zeros((rows, 3))).tolist() == [np.inf] * rows


def test_a_feasible_row_comes_before_any_infeasible_one() -> None:
    values = np.array([[9.0, 9.0], [0.0, 0.0], [8.0, 8.0]])
    assert best_first(values, np.array([0.0, 1e-9, 0.0]), 3).tolist() == [2, 0, 1]


def test_infeasible_rows_stand_by_violation_whatever_their_objectives() -> None:
    values = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert best_first(values, np.array([3.0, 2.0, 1.0]), 2).tolist() == [2, 1]


def test_a_dominated_row_comes_after_those_that_dominate_it() -> None:
    values = np.array([[2.0, 2.0], [1.0, 1.0], [3.0, 3.0], [0.0, 2.0]])
    order = best_first(values, np.zeros(4), 4).tolist()
    assert set(order[:2]) == {1, 3}
    assert order[2:] == [0, 2]


def test_within_a_front_the_ends_come_first_and_the_crowded_last() -> None:
    values = np.array([[0.0, 10.0], [4.9, 5.1], [5.0, 5.0], [5.1, 4.9], [10.0, 0.0]])
    order = best_first(values, KEPT, 5).tolist()
    assert set(order[:2]) == {0, 4}
    assert order[-1] == 2


def test_one_column_is_sorted() -> None:
    assert best_first(np.array([[3.0], [1.0], [2.0], [1.0], [0.5]]), KEPT, 4).tolist() == [4, 1, 3, 2]


@pytest.mark.parametrize("columns", [1, 3])
def test_fewer_rows_than_asked_for_all_stay(columns: int) -> None:
    values = np.random.default_rng(0).random((5, columns))
    assert sorted(best_first(values, KEPT, 50).tolist()) == [0, 1, 2, 3, 4]
    assert best_first(values[:0], KEPT[:0], 50).tolist() == []
