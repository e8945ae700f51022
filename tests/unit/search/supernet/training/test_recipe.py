"""Learning rates over a training: warm-up, two half cosines, and what joins them."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise

import pytest

from search.supernet.training.recipe import Recipe

STEPS_PER_EPOCH = 40
RECIPE = Recipe(warm_up_steps=20)
FREEZE = RECIPE.frozen_from(STEPS_PER_EPOCH)
RATES = [RECIPE.rate(step, STEPS_PER_EPOCH) for step in range(RECIPE.steps(STEPS_PER_EPOCH))]


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
    assert RATES[-1] < 0.01 * RECIPE.frozen_learning_rate
    assert RECIPE.rate(len(RATES), STEPS_PER_EPOCH) == pytest.approx(0.0, abs=1e-12)


def test_without_a_frozen_phase_there_is_no_frozen_step() -> None:
    recipe = Recipe(frozen_epochs=0)
    assert recipe.steps(STEPS_PER_EPOCH) == recipe.frozen_from(STEPS_PER_EPOCH)


def test_the_numbers_of_a_recipe_can_be_written_to_a_card() -> None:
    numbers = asdict(RECIPE)
    assert Recipe(**json.loads(json.dumps(numbers))) == RECIPE
    assert numbers["warm_up_steps"] == 20
