"""Genome operators for pymoo."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population

from search.evolution.operators import OnlyUnseen, ResetMutation, UniformSampling
from search.evolution.problem import GenomeProblem
from search.evolution.unseen import SeenGenomes

N_CHOICES = np.array([7, 9, 2, 9, 5])


@pytest.fixture
def problem() -> GenomeProblem:
    return GenomeProblem(N_CHOICES, columns=2)


def sampled(problem: GenomeProblem, n: int, first: list[list[int]], seed: int = 0) -> np.ndarray:
    sampling = UniformSampling(np.array(first, dtype=np.int64).reshape(-1, 5))
    return sampling.do(problem, n, random_state=np.random.default_rng(seed)).get("X")


def mutated(problem: GenomeProblem, genomes: np.ndarray, seed: int = 0) -> np.ndarray:
    population = Population.new("X", genomes.copy())
    return ResetMutation().do(problem, population, random_state=np.random.default_rng(seed)).get("X")


def test_sampling_starts_with_the_given_genomes(problem: GenomeProblem) -> None:
    first = [[0, 0, 0, 0, 0], [6, 8, 1, 8, 4]]
    genomes = sampled(problem, 30, first)
    assert genomes[:2].tolist() == first
    assert genomes.shape == (30, 5)


def test_sampling_takes_no_more_given_genomes_than_asked_for(problem: GenomeProblem) -> None:
    assert sampled(problem, 1, [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).tolist() == [[0, 0, 0, 0, 0]]


def test_every_choice_of_every_gene_is_sampled(problem: GenomeProblem) -> None:
    genomes = sampled(problem, 2000, [])
    assert [sorted(set(column)) for column in genomes.T.tolist()] == [list(range(n)) for n in N_CHOICES]


def test_mutation_redraws_one_gene_in_g(problem: GenomeProblem) -> None:
    genomes = np.zeros((20_000, 5), dtype=np.int64)
    changed = (mutated(problem, genomes) != genomes).mean(axis=0)
    # A redrawn gene may come out as it was.
    assert changed == pytest.approx((1 - 1 / N_CHOICES) / 5, abs=0.012)


def test_mutation_stays_in_range(problem: GenomeProblem) -> None:
    genomes = mutated(problem, np.tile(N_CHOICES - 1, (5000, 1)))
    assert ((genomes >= 0) & (genomes < N_CHOICES)).all()


@pytest.mark.parametrize("operator", [sampled, mutated], ids=["sampling", "mutation"])
def test_operators_follow_the_generator_they_are_given(problem: GenomeProblem, operator) -> None:
    arguments = (20, []) if operator is sampled else (np.zeros((20, 5), dtype=np.int64),)
    runs = [operator(problem, *arguments, seed=seed).tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_only_unseen_genomes_stay(problem: GenomeProblem) -> None:
    seen = SeenGenomes(N_CHOICES)
    seen.add(np.array([[0, 0, 0, 0, 0]]))
    offspring = Population.new("X", np.array([[0] * 5, [1] * 5, [1] * 5, [1, 2, 1, 2, 1], [1, 1, 1, 1, 0]]))
    brood = Population.new("X", np.array([[1, 2, 1, 2, 1]]))
    kept = OnlyUnseen(seen).do(offspring, Population.empty(), brood)
    assert kept.get("X").tolist() == [[1] * 5, [1, 1, 1, 1, 0]]
