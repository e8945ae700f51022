"""The ask-and-tell loop: what it asks for is new, and what it learns makes a difference."""

from __future__ import annotations

import numpy as np
import pytest

from search.evolution.nsga2 import Nsga2

N_CHOICES = np.array([5] * 12)
NONE = np.empty((0, 12), dtype=np.int64)


def make(seed: int = 0, population: int = 20, first: np.ndarray = NONE, n_choices: np.ndarray = N_CHOICES) -> Nsga2:
    return Nsga2(n_choices, 2, population, np.random.default_rng(seed), first)


def values_of(genomes: np.ndarray) -> np.ndarray:
    """Two aims that pull apart: all genes 0, all genes 4."""
    return np.column_stack([(genomes**2).sum(axis=1), ((4 - genomes) ** 2).sum(axis=1)]).astype(np.float64)


def run(evolution: Nsga2, generations: int, most_sum: float = np.inf) -> list[np.ndarray]:
    asked = []
    for _ in range(generations):
        genomes = evolution.ask()
        asked.append(genomes)
        evolution.tell(values_of(genomes), np.maximum(genomes.sum(axis=1) - most_sum, 0.0))
    return asked


def test_a_generation_has_the_size_of_the_population() -> None:
    assert {genomes.shape for genomes in run(make(), 10)} == {(20, 12)}


def test_no_genome_is_asked_for_twice() -> None:
    genomes = np.concatenate(run(make(), 40))
    assert len(np.unique(genomes, axis=0)) == len(genomes)


def test_genes_stay_in_range() -> None:
    n_choices = np.array([2, 9, 3, 7, 5, 4, 2, 8])
    evolution = make(n_choices=n_choices, first=np.empty((0, 8), dtype=np.int64))
    genomes = np.concatenate(run(evolution, 20))
    assert genomes.dtype == np.int64
    assert ((genomes >= 0) & (genomes < n_choices)).all()


def test_the_first_generation_holds_the_given_genomes() -> None:
    first = np.array([[0] * 12, [4] * 12])
    assert run(make(first=first), 1)[0][:2].tolist() == first.tolist()


def test_given_genomes_that_repeat_are_made_up_for() -> None:
    genomes = run(make(first=np.zeros((5, 12), dtype=np.int64)), 1)[0]
    assert len(np.unique(genomes, axis=0)) == 20


def test_later_generations_are_better() -> None:
    asked = run(make(), 60)
    # On the true front every gene is the same distance from one of the two aims, and the mean of both sums is least.
    assert values_of(asked[-1]).sum(axis=1).mean() < 0.9 * values_of(asked[0]).sum(axis=1).mean()


def test_violations_push_candidates_back_inside() -> None:
    asked = run(make(), 40, most_sum=10.0)
    inside = [(genomes.sum(axis=1) <= 10).mean() for genomes in asked]
    assert inside[0] < 0.1
    assert inside[-1] > 0.5


def test_it_follows_its_generator() -> None:
    runs = [np.concatenate(run(make(seed), 8)).tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_two_runs_side_by_side_share_nothing() -> None:
    alone = [genomes.tolist() for genomes in run(make(1), 6)]
    one, other = make(1), make(2, population=8)
    mixed = []
    for _ in range(6):
        mixed += [genomes.tolist() for genomes in run(one, 1)]
        run(other, 1)
    assert mixed == alone


@pytest.mark.parametrize("population", [2, 7, 20, 100])
def test_a_small_space_is_asked_for_completely(population: int) -> None:
    n_choices = np.array([3, 2, 4, 2])
    evolution = make(population=population, n_choices=n_choices, first=np.empty((0, 4), dtype=np.int64))
    asked = run(evolution, -(-48 // population))
    assert len(np.unique(np.concatenate(asked), axis=0)) == sum(map(len, asked)) == 48
    assert evolution.ask().shape == (0, 4)


def test_a_space_of_one_architecture() -> None:
    evolution = make(n_choices=np.array([1, 1]), first=np.empty((0, 2), dtype=np.int64))
    assert [genomes.tolist() for genomes in run(evolution, 1)] == [[[0, 0]]]
    assert len(evolution.ask()) == 0
