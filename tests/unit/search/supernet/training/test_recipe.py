"""Learning rates over a training: warm-up, two half cosines, and what joins them."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise

import pytest

from search.supernet.training.recipe import Recipe

IMAGES = 10 * 96
RECIPE = Recipe(warm_up_steps=20)
FREEZE = RECIPE.freeze_step(IMAGES)
RATES = [RECIPE.rate(step, IMAGES) for step in range(RECIPE.steps(IMAGES))]


def test_the_rate_warms_up_in_equal_steps() -> None:
    assert pytest.approx(RECIPE.learning_rate / 20, rel=0.01) == RATES[0]
    assert all(later > earlier for earlier, later in pairwise(RATES[:15]))


def test_the_rate_reaches_its_height_and_only_falls_from_there() -> None:
    assert max(RATES) == pytest.approx(RECIPE.learning_rate, rel=0.05)
    assert max(RATES) <= RECIPE.learning_rate
    top = RATES.index(max(RATES))
    assert top < 20
    assert all(later <= earlier for earlier, later in pairwise(RATES[top:]))


def test_the_frozen_phase_goes_on_where_the_first_ends() -> None:
    assert RATES[FREEZE] == RECIPE.frozen_learning_rate
    assert RATES[FREEZE - 1] == pytest.approx(RECIPE.frozen_learning_rate, rel=0.01)


def test_the_rate_ends_at_nothing_but_never_before_the_end() -> None:
    assert all(rate > 0 for rate in RATES)
    assert RATES[-1] < 0.02 * RECIPE.frozen_learning_rate
    assert RECIPE.rate(len(RATES), IMAGES) == pytest.approx(0.0, abs=1e-12)


def test_one_step_at_least_is_frozen() -> None:
    recipe = Recipe(frozen_from=1.0)
    assert recipe.freeze_step(IMAGES) == recipe.steps(IMAGES) - 1


@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 5), (1.26, 13), (0.001, 1), (20.0, 200)])
def test_epochs_need_not_be_whole(epochs: float, steps: int) -> None:
    assert Recipe(epochs=epochs).steps(IMAGES) == steps


def test_shares_are_of_all_steps() -> None:
    recipe = Recipe(largest_share=0.1, small_until=0.5, random_paths=3)
    assert [recipe.paths(step, IMAGES) for step in (0, 19, 20, 199)] == [0, 0, 3, 3]
    assert [recipe.image_size(step, IMAGES, 32) for step in (0, 99, 100, 199)] == [24, 24, 32, 32]
    assert recipe.image_size(0, IMAGES, 30) % 2 == 0


def test_the_numbers_of_a_recipe_can_be_written_to_a_card() -> None:
    numbers = asdict(RECIPE)
    assert Recipe(**json.loads(json.dumps(numbers))) == RECIPE
    assert numbers["warm_up_steps"] == 20
