"""The non-dominated set against brute force, and its rule for equal values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search.front.pareto import RunningFront, non_dominated
from tests.unit.search.fakes import brute_force_front

# Few distinct values, so that ties and duplicates are common.
COARSE = st.integers(0, 4).map(float)
POINTS = st.tuples(st.integers(0, 40), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=COARSE)
)
FINE = st.tuples(st.integers(0, 60), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-1e6, 1e6))
)


@given(POINTS)
def test_it_agrees_with_brute_force_on_ties(values: np.ndarray) -> None:
    assert non_dominated(values).tolist() == brute_force_front(values).tolist()


@given(FINE)
def test_it_agrees_with_brute_force_on_any_numbers(values: np.ndarray) -> None:
    assert non_dominated(values).tolist() == brute_force_front(values).tolist()


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_it_agrees_with_brute_force_on_many_points(columns: int) -> None:
    values = np.random.default_rng(columns).random((3000, columns)).round(2)
    assert non_dominated(values).tolist() == brute_force_front(values).tolist()


def test_20000_points_on_a_sphere_are_all_kept() -> None:
    values = np.random.default_rng(0).random((20_000, 3))
    assert non_dominated(values / np.linalg.norm(values, axis=1, keepdims=True)).all()


def test_no_points_have_no_front() -> None:
    assert non_dominated(np.empty((0, 3))).shape == (0,)


def test_one_point_is_its_own_front() -> None:
    assert non_dominated(np.array([[1.0, 2.0]])).tolist() == [True]


def test_a_row_with_a_nan_never_counts_and_hides_nothing() -> None:
    values = np.array([[np.nan, 0.0], [1.0, 1.0], [0.0, np.nan], [2.0, 2.0]])
    assert non_dominated(values).tolist() == [False, True, False, False]


def test_a_nan_in_a_single_column_never_counts() -> None:
    assert non_dominated(np.array([[np.nan], [2.0], [1.0], [1.0]])).tolist() == [False, False, True, False]


def test_only_nans_have_no_front() -> None:
    assert not non_dominated(np.full((3, 2), np.nan)).any()


def filled(batches: list[tuple[np.ndarray, np.ndarray]]) -> RunningFront:
    front = RunningFront(genes=2, columns=2)
    for genomes, values in batches:
        front.update(genomes, values)
    return front


def test_a_running_front_does_not_depend_on_the_order_of_batches() -> None:
    rng = np.random.default_rng(3)
    genomes = np.stack(np.unravel_index(rng.permutation(400), (20, 20)), axis=1)
    first = rng.integers(0, 12, 400)
    values = np.column_stack([first, 12 - first + rng.integers(0, 3, 400)]).astype(np.float64)
    parts = list(zip(np.array_split(genomes, 7), np.array_split(values, 7), strict=True))
    forwards, backwards = filled(parts), filled(parts[::-1])
    assert forwards.genomes[forwards.order()].tolist() == backwards.genomes[backwards.order()].tolist()
    assert forwards.values[forwards.order()].tolist() == backwards.values[backwards.order()].tolist()


def test_of_equal_candidates_the_first_genome_stays() -> None:
    same = np.array([[1.0, 1.0]])
    front = filled([(np.array([[5, 0]]), same), (np.array([[0, 9]]), same), (np.array([[3, 3]]), same)])
    assert front.genomes.tolist() == [[0, 9]]


def test_a_better_candidate_drives_out_what_it_dominates() -> None:
    front = filled([(np.array([[0, 0], [0, 1]]), np.array([[1.0, 3.0], [3.0, 1.0]]))])
    front.update(np.array([[1, 1]]), np.array([[1.0, 2.0]]))
    assert front.values.tolist() == [[3.0, 1.0], [1.0, 2.0]]


def test_an_empty_batch_changes_nothing() -> None:
    front = filled([(np.array([[0, 0]]), np.array([[1.0, 3.0]]))])
    front.update(np.empty((0, 2), dtype=np.int64), np.empty((0, 2)))
    assert len(front) == 1


def test_the_order_is_by_the_first_column_then_by_genome() -> None:
    genomes = np.array([[2, 1], [0, 3], [0, 2]])
    front = RunningFront(genes=2, columns=3)
    front.update(genomes, np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [0.0, 4.0, 4.0]]))
    assert front.genomes[front.order()].tolist() == [[0, 2], [0, 3], [2, 1]]


@pytest.mark.parametrize(
    ("genome", "value", "changed"),
    [
        ([9, 9], [1.0, 1.0], False),
        ([0, 0], [1.0, 1.0], True),
        ([9, 9], [2.0, 1.0], False),
        ([9, 9], [0.5, 1.0], True),
        ([9, 9], [0.0, 5.0], True),
    ],
    ids=["equal and later", "equal and earlier", "dominated", "dominating", "beside it"],
)
def test_it_says_whether_it_has_changed(genome: list[int], value: list[float], changed: bool) -> None:
    front = filled([(np.array([[5, 5]]), np.array([[1.0, 1.0]]))])
    assert front.update(np.array([genome]), np.array([value])) is changed


@given(POINTS)
def test_a_running_front_agrees_with_brute_force(values: np.ndarray) -> None:
    genomes = np.stack([np.arange(len(values)) % 7, np.arange(len(values))], axis=1)
    front = RunningFront(genes=2, columns=values.shape[1])
    for part in range(3):
        front.update(genomes[part::3], values[part::3])
    kept = values[brute_force_front(values)]
    assert sorted(front.values.tolist()) == sorted(kept.tolist())
    for genome, value in zip(front.genomes.tolist(), front.values.tolist(), strict=True):
        assert genome == min(genomes[(values == value).all(axis=1)].tolist())
