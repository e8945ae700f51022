"""Operators on genomes: duels, crossover and mutation."""

from __future__ import annotations

import numpy as np
import pytest

from search.evolution.operators import crossover, mutation, tournament, uniform

N_CHOICES = np.array([7, 9, 2, 9, 5])


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def crossed(n: int, seed: int = 0) -> np.ndarray:
    return crossover(np.zeros((n, 5), dtype=np.int64), np.ones((n, 5), dtype=np.int64), generator(seed))


def test_every_choice_of_every_gene_is_drawn() -> None:
    genomes = uniform(2000, N_CHOICES, generator())
    assert genomes.shape == (2000, 5)
    assert [sorted(set(column)) for column in genomes.T.tolist()] == [list(range(n)) for n in N_CHOICES]


def test_mutation_redraws_one_gene_in_g() -> None:
    genomes = np.zeros((20_000, 5), dtype=np.int64)
    changed = (mutation(genomes, N_CHOICES, generator()) != genomes).mean(axis=0)
    # A redrawn gene may come out as it was.
    assert changed == pytest.approx((1 - 1 / N_CHOICES) / 5, abs=0.012)


def test_mutation_stays_in_range_and_leaves_its_input_alone() -> None:
    genomes = np.tile(N_CHOICES - 1, (5000, 1))
    children = mutation(genomes, N_CHOICES, generator())
    assert ((children >= 0) & (children < N_CHOICES)).all()
    assert (genomes == N_CHOICES - 1).all()


def test_two_children_share_out_what_their_parents_have() -> None:
    children = crossed(50)
    assert children.shape == (100, 5)
    assert (children[:50] + children[50:] == 1).all()


def test_nine_pairs_of_ten_are_crossed_gene_by_gene() -> None:
    children = crossed(20_000)[:20_000]
    # Of the crossed pairs one in 32 exchanges nothing.
    assert (children.sum(axis=1) == 0).mean() == pytest.approx(0.1 + 0.9 / 32, abs=0.01)
    assert children.mean(axis=0) == pytest.approx(np.full(5, 0.45), abs=0.012)


def test_the_better_of_two_wins_a_duel() -> None:
    winners = tournament(100, 50_000, generator())
    assert winners.shape == (50_000,)
    assert winners.min() == 0
    # Chance that a row wins: (99 - place) / 99 of its duels.
    assert np.bincount(winners, minlength=100)[[0, 49, 98, 99]] / 1000 == pytest.approx(
        [1, 50 / 99, 1 / 99, 0], abs=0.05
    )


@pytest.mark.parametrize(("size", "n"), [(1, 4), (2, 1), (3, 2), (100, 7)])
def test_duels_need_no_even_number_of_rows(size: int, n: int) -> None:
    winners = tournament(size, n, generator())
    assert winners.shape == (n,)
    assert ((winners >= 0) & (winners < size)).all()


@pytest.mark.parametrize(
    "operator",
    [
        lambda rng: uniform(20, N_CHOICES, rng),
        lambda rng: mutation(np.zeros((20, 5), dtype=np.int64), N_CHOICES, rng),
        lambda rng: crossover(np.zeros((9, 5), dtype=np.int64), np.ones((9, 5), dtype=np.int64), rng),
        lambda rng: tournament(30, 40, rng),
    ],
    ids=["uniform", "mutation", "crossover", "tournament"],
)
def test_operators_follow_the_generator_they_are_given(operator) -> None:
    runs = [operator(generator(seed)).tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
