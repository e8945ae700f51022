"""Genomes spread over the sizes of a space."""

from __future__ import annotations

import numpy as np
import pytest

from search import load_space, random_genomes
from search.space.base import check_genomes
from search.space.sampling import spread_genomes

SPACES = pytest.mark.parametrize("name", ["tiny-cifar10", "fbnet-cifar10"])


@SPACES
def test_they_are_genomes_of_the_space_and_repeat_with_the_seed(name: str) -> None:
    space = load_space(name)
    first, again, other = (spread_genomes(space, 200, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(check_genomes(space, first)) == 200
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@SPACES
def test_every_choice_of_every_layer_comes_up(name: str) -> None:
    space = load_space(name)
    genomes = spread_genomes(space, 3000, np.random.default_rng(0))
    assert [len(np.unique(column)) for column in genomes.T] == space.n_choices.tolist()


def test_they_reach_further_than_uniform_ones() -> None:
    space = load_space("fbnet-cifar10")
    macs = space.tabulate(lambda block: block.macs)
    spread, uniform = (
        macs.total(draw(space, 2000, np.random.default_rng(0))) for draw in (spread_genomes, random_genomes)
    )
    assert spread.std() > 1.8 * uniform.std()
    low, high = macs.lowest_total(), macs.highest_total()
    assert spread.min() < low + 0.1 * (high - low)
    assert spread.max() > high - 0.1 * (high - low)
    assert abs(np.mean(spread < uniform.mean()) - 0.5) < 0.1


def test_none_is_none() -> None:
    space = load_space("tiny-cifar10")
    assert spread_genomes(space, 0, np.random.default_rng(0)).shape == (0, len(space.n_choices))
