"""Steepest descent over single genes."""

from __future__ import annotations

import numpy as np

from search import ChainSpace
from search.objectives.descent import descend, neighbours
from search.space.base import one_hot


def test_neighbours_are_all_single_changes(tiny: ChainSpace) -> None:
    genome = np.array([1, 2, 0, 1])
    around = neighbours(tiny, genome)
    assert around.shape == (12, 4)
    assert (around != genome).sum(axis=1).tolist().count(0) == 4
    assert ((around != genome).sum(axis=1) <= 1).all()
    assert len(np.unique(around, axis=0)) == 1 + 12 - 4
    assert (around < tiny.n_choices).all()


def test_it_finds_the_minimum_of_any_sum_over_genes(fbnet: ChainSpace) -> None:
    rng = np.random.default_rng(0)
    effects = rng.normal(size=int(fbnet.n_choices.sum()))
    starts = np.cumsum(fbnet.n_choices) - fbnet.n_choices
    best = [int(np.argmin(effects[start : start + n])) for start, n in zip(starts, fbnet.n_choices, strict=True)]
    found = descend(fbnet, lambda genomes: one_hot(fbnet, genomes) @ effects, np.zeros(13, dtype=np.int64))
    assert found.tolist() == best


def test_it_stops_on_a_plateau(tiny: ChainSpace) -> None:
    start = np.array([1, 1, 1, 1])
    assert descend(tiny, lambda genomes: np.zeros(len(genomes)), start).shape == (4,)


def test_it_never_takes_a_nan(tiny: ChainSpace) -> None:
    def values(genomes: np.ndarray) -> np.ndarray:
        return np.where(genomes[:, 0] == 0, np.nan, genomes.sum(axis=1).astype(np.float64))

    assert descend(tiny, values, np.array([2, 2, 2, 2])).tolist() == [1, 0, 0, 0]


def test_it_ends_when_every_value_is_nan(tiny: ChainSpace) -> None:
    start = np.array([2, 2, 2, 2])
    assert descend(tiny, lambda genomes: np.full(len(genomes), np.nan), start).tolist() == start.tolist()
