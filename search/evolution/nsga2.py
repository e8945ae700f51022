"""NSGA-II (Deb et al. 2002) as an ask-and-tell loop over genomes, on arrays. Driven by the engine.

pymoo's NSGA-II is the reference that the tests compare it with; why it does not run here: docs/decisions/0014.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from search.evolution.operators import crossover, mutation, tournament, uniform
from search.evolution.survival import best_first
from search.evolution.unseen import SeenGenomes
from search.space.base import Genomes

_MATING_ROUNDS = 10
_FEWEST_PAIRS = 8
_SPARE = 1.3
"""Children that repeat others are dropped; a second round of mating for the rest would cost as much as the first."""


class Nsga2:
    """One run. Every genome it asks for is new, so a small space is searched to its last architecture.

    All its randomness comes from `rng`.
    """

    def __init__(
        self,
        n_choices: npt.NDArray[np.int64],
        columns: int,
        population: int,
        rng: np.random.Generator,
        first: Genomes,
    ) -> None:
        self._n_choices = n_choices
        self._size = population
        self._rng = rng
        self._first = first
        self._seen = SeenGenomes(n_choices)
        self._asked = np.empty((0, len(n_choices)), dtype=np.int64)
        # The population stands best first.
        self._genomes = self._asked
        self._values = np.empty((0, columns))
        self._violation = np.empty(0)

    def ask(self) -> Genomes:
        """The next generation: up to `(population, g)` genomes not asked for before, none when the space is used up."""
        bred = self._breed() if len(self._genomes) else self._start()
        if len(bred) < self._size:
            drawn = self._seen.draw(self._size - len(bred), self._rng)
            self._seen.add(drawn)
            bred = np.concatenate([bred, drawn])
        self._asked = bred
        return bred

    def tell(self, values: npt.NDArray[np.float64], violation: npt.NDArray[np.float64]) -> None:
        """Answer the last `ask`: objectives `(n, m)`, minimised and finite, and violations `(n,)`, 0 if feasible."""
        genomes = np.concatenate([self._genomes, self._asked])
        values = np.concatenate([self._values, values])
        violation = np.concatenate([self._violation, violation])
        kept = best_first(values, violation, self._size)
        self._genomes, self._values, self._violation = genomes[kept], values[kept], violation[kept]

    def _start(self) -> Genomes:
        given = self._first[: self._size]
        drawn = uniform(self._size - len(given), self._n_choices, self._rng)
        return self._unseen(np.concatenate([given, drawn]), self._size)

    def _breed(self) -> Genomes:
        """Children that are new; fewer than the population where ten rounds of mating found no more."""
        bred: list[Genomes] = []
        missing = self._size
        for _ in range(_MATING_ROUNDS):
            pairs = max(math.ceil(_SPARE * missing / 2), _FEWEST_PAIRS)
            one, other = tournament(len(self._genomes), 2 * pairs, self._rng).reshape(2, pairs)
            children = crossover(self._genomes[one], self._genomes[other], self._rng)
            bred.append(self._unseen(mutation(children, self._n_choices, self._rng), missing))
            missing -= len(bred[-1])
            if not missing:
                break
        return np.concatenate(bred)

    def _unseen(self, genomes: Genomes, most: int) -> Genomes:
        """The first `most` genomes that were not asked for before, each once; from now on they are seen."""
        fresh = genomes[~self._seen.repeated(genomes)][:most]
        self._seen.add(fresh)
        return fresh
