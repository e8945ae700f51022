"""Hypervolumes with a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from search.front.hypervolume import Box


def unit_box(columns: int) -> Box:
    return Box(np.zeros(columns), np.ones(columns))


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_one_point_dominates_a_cuboid(columns: int) -> None:
    assert unit_box(columns).hypervolume(np.full((1, columns), 0.25)) == pytest.approx(0.75**columns)


@pytest.mark.parametrize("steps", [1, 2, 10, 100])
def test_a_staircase(steps: int) -> None:
    # n points (i/n, 1 - (i+1)/n): the squares above them fill half the box, less half a step.
    i = np.arange(steps)
    values = np.column_stack([i / steps, 1 - (i + 1) / steps])
    assert unit_box(2).hypervolume(values) == pytest.approx((1 + 1 / steps) / 2)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_the_corners_of_a_cube(columns: int) -> None:
    # One point per column, 0 there and 1/2 elsewhere: the half cube counts once for all and once more for each.
    values = np.full((columns, columns), 0.5) - 0.5 * np.eye(columns)
    assert unit_box(columns).hypervolume(values) == pytest.approx((columns + 1) / 2**columns)


def test_nothing_dominates_nothing() -> None:
    assert unit_box(3).hypervolume(np.empty((0, 3))) == 0.0


def test_the_ideal_point_has_the_whole_box() -> None:
    box = Box(np.array([0.1, 7.0]), np.array([0.5, 30.0]))
    assert box.hypervolume(np.array([[0.1, 7.0]])) == 1.0


def test_units_do_not_matter() -> None:
    values = np.random.default_rng(0).random((30, 3))
    scale, shift = np.array([1e-3, 1.0, 1e9]), np.array([5.0, -2.0, 0.0])
    scaled = Box(shift, shift + scale).hypervolume(shift + values * scale)
    assert scaled == pytest.approx(unit_box(3).hypervolume(values))


def test_points_outside_are_moved_to_the_border() -> None:
    assert unit_box(2).hypervolume(np.array([[-3.0, 0.5]])) == pytest.approx(0.5)
    assert unit_box(2).hypervolume(np.array([[0.5, 4.0]])) == 0.0


def test_a_column_that_cannot_vary_leaves_the_others_their_say() -> None:
    box = Box(np.array([0.0, 5.0]), np.array([1.0, 5.0]))
    assert box.hypervolume(np.array([[0.25, 5.0]])) == pytest.approx(0.75)


def test_a_dominated_point_adds_nothing() -> None:
    values = np.array([[0.2, 0.2], [0.3, 0.3]])
    assert unit_box(2).hypervolume(values) == unit_box(2).hypervolume(values[:1])


def test_more_than_four_columns_are_approximated_and_repeatable() -> None:
    values = np.full((1, 6), 0.25)
    first, second = (unit_box(6).hypervolume(values) for _ in range(2))
    assert first == second
    assert first == pytest.approx(0.75**6, rel=0.02)
