"""NSGA-II (Deb et al. 2002) as an ask-and-tell loop over genomes, on pymoo. Driven by the engine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowdingSurvival, binary_tournament
from pymoo.core.evaluator import Evaluator
from pymoo.core.mating import Mating
from pymoo.core.population import Population
from pymoo.core.termination import NoTermination
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.problems.static import StaticProblem

from search.evolution.operators import OnlyUnseen, ResetMutation, UniformSampling
from search.evolution.problem import GenomeProblem
from search.evolution.unseen import SeenGenomes
from search.space.base import Genomes

_MATING_ROUNDS = 10


class Nsga2:
    """One run. Every genome it asks for is new, so a small space is searched to its last architecture.

    Each object makes all its pymoo operators itself, and all its randomness comes from `rng`.
    """

    def __init__(
        self,
        n_choices: npt.NDArray[np.int64],
        columns: int,
        population: int,
        rng: np.random.Generator,
        first: Genomes,
    ) -> None:
        self._rng = rng
        self._size = population
        self._seen = SeenGenomes(n_choices)
        self._problem = GenomeProblem(n_choices, columns)
        self._asked = Population.empty()
        self._algorithm = self._make_algorithm(first)

    def _make_algorithm(self, first: Genomes) -> NSGA2:
        selection = TournamentSelection(func_comp=binary_tournament)
        crossover, mutation, unseen = UniformCrossover(), ResetMutation(), OnlyUnseen(self._seen)
        algorithm = NSGA2(
            pop_size=self._size,
            sampling=UniformSampling(first),
            selection=selection,
            crossover=crossover,
            mutation=mutation,
            survival=RankAndCrowdingSurvival(),
            output=None,
            eliminate_duplicates=unseen,
            mating=Mating(selection, crossover, mutation, eliminate_duplicates=unseen, n_max_iterations=_MATING_ROUNDS),
        )
        algorithm.setup(self._problem)
        # `setup` makes a generator of its own from a seed; the search has one generator for everything.
        algorithm.random_state = self._rng
        # The engine counts generations; pymoo's own termination would watch and stop the run.
        algorithm.termination = NoTermination()
        return algorithm

    def ask(self) -> Genomes:
        """The next generation: up to `(population, g)` genomes not asked for before, none when the space is used up."""
        asked = self._algorithm.ask()
        bred = np.empty((0, self._problem.n_var), dtype=np.int64) if asked is None else asked.get("X").astype(np.int64)
        self._seen.add(bred)
        if len(bred) < self._size:
            bred = np.concatenate([bred, self._seen.draw(self._size - len(bred), self._rng)])
            self._seen.add(bred)
        self._asked = Population.new("X", bred)
        return bred

    def tell(self, values: npt.NDArray[np.float64], violation: npt.NDArray[np.float64]) -> None:
        """Answer the last `ask`: objectives `(n, m)`, minimised and finite, and violations `(n,)`, 0 if feasible."""
        answers = StaticProblem(self._problem, F=values, G=violation[:, None])
        Evaluator().eval(answers, self._asked)
        self._algorithm.tell(infills=self._asked)
