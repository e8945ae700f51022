"""pymoo's NSGA-II behind the engine's ask-and-tell, as the search used it at first: what `search_speed` compares with.

The same operators, the same rule against repeated genomes, the same generator; only the machinery is pymoo's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowdingSurvival, binary_tournament
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.mating import Mating
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.problems.static import StaticProblem

from search import Genomes
from search.evolution.operators import mutation, uniform
from search.evolution.unseen import SeenGenomes

_MATING_ROUNDS = 10


class GenomeProblem(Problem):
    """Integer genes; one constraint, the summed violation."""

    def __init__(self, n_choices: np.ndarray, columns: int) -> None:
        super().__init__(
            n_var=len(n_choices), n_obj=columns, n_ieq_constr=1, xl=0 * n_choices, xu=n_choices - 1, vtype=int
        )
        self.n_choices = n_choices


class GivenThenUniform(Sampling):
    """Given first genomes, then uniform ones."""

    def __init__(self, first: Genomes) -> None:
        super().__init__()
        self.first = first

    def _do(self, problem: GenomeProblem, n_samples: int, *_: Any, random_state: Any, **__: Any) -> Genomes:
        first = self.first[:n_samples]
        return np.concatenate([first, uniform(n_samples - len(first), problem.n_choices, random_state)])


class ResetMutation(Mutation):
    """The engine's mutation."""

    def _do(self, problem: GenomeProblem, genomes: Genomes, *_: Any, random_state: Any, **__: Any) -> Genomes:
        return mutation(genomes, problem.n_choices, random_state)


class OnlyUnseen(DuplicateElimination):
    """Drops offspring that repeat each other, the brood, or any candidate evaluated before."""

    def __init__(self, seen: SeenGenomes) -> None:
        super().__init__()
        self.seen = seen

    def _do(self, pop: Any, other: Any, is_duplicate: np.ndarray) -> np.ndarray:
        genomes = pop.get("X").astype(np.int64)
        if other is None:
            return self.seen.repeated(genomes)
        others = {row.tobytes() for row in other.get("X").astype(np.int64)}
        return is_duplicate | np.array([row.tobytes() in others for row in genomes], dtype=bool)


class PymooNsga2:
    """Takes the place of `search.evolution.nsga2.Nsga2`."""

    def __init__(
        self, n_choices: np.ndarray, columns: int, population: int, rng: np.random.Generator, first: Genomes
    ) -> None:
        self._rng, self._size = rng, population
        self._seen = SeenGenomes(n_choices)
        self._problem = GenomeProblem(n_choices, columns)
        self._asked = Population.empty()
        selection, unseen = TournamentSelection(func_comp=binary_tournament), OnlyUnseen(self._seen)
        operators = (selection, UniformCrossover(), ResetMutation())
        self._algorithm = NSGA2(
            pop_size=population,
            sampling=GivenThenUniform(first),
            survival=RankAndCrowdingSurvival(),
            output=None,
            eliminate_duplicates=unseen,
            mating=Mating(*operators, eliminate_duplicates=unseen, n_max_iterations=_MATING_ROUNDS),
        )
        self._algorithm.setup(self._problem)
        self._algorithm.random_state = rng
        self._algorithm.termination = NoTermination()

    def ask(self) -> Genomes:
        """The next generation."""
        asked = self._algorithm.ask()
        bred = np.empty((0, self._problem.n_var), dtype=np.int64) if asked is None else asked.get("X").astype(np.int64)
        self._seen.add(bred)
        if len(bred) < self._size:
            bred = np.concatenate([bred, self._seen.draw(self._size - len(bred), self._rng)])
            self._seen.add(bred)
        self._asked = Population.new("X", bred)
        return bred

    def tell(self, values: np.ndarray, violation: np.ndarray) -> None:
        """Objectives and violations of the last generation."""
        answers = StaticProblem(self._problem, F=values, G=violation[:, None])
        Evaluator().eval(answers, self._asked)
        self._algorithm.tell(infills=self._asked)
