"""pymoo operators for integer genomes. Every search makes its own: pymoo 0.6.2 shares its default instances.

All randomness comes from the `random_state` that the algorithm hands in: the search's one generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.sampling import Sampling

from search.evolution.problem import GenomeProblem
from search.evolution.unseen import SeenGenomes
from search.space.base import Genomes

Mask = npt.NDArray[np.bool_]


class UniformSampling(Sampling):  # type: ignore[misc]  # pymoo ships no types
    """Given first genomes, then uniform random ones up to the number asked for."""

    def __init__(self, first: Genomes) -> None:
        super().__init__()
        self.first = first

    def _do(
        self, problem: GenomeProblem, n_samples: int, *_: Any, random_state: np.random.Generator, **__: Any
    ) -> Genomes:
        first = self.first[:n_samples]
        shape = (n_samples - len(first), problem.n_var)
        return np.concatenate([first, random_state.integers(0, problem.n_choices, size=shape, dtype=np.int64)])


class ResetMutation(Mutation):  # type: ignore[misc]  # pymoo ships no types
    """Redraw each gene with probability 1/g, uniform over its choices."""

    def _do(
        self, problem: GenomeProblem, genomes: Genomes, *_: Any, random_state: np.random.Generator, **__: Any
    ) -> Genomes:
        redrawn = random_state.random(genomes.shape) < 1.0 / problem.n_var
        fresh = random_state.integers(0, problem.n_choices, size=genomes.shape, dtype=np.int64)
        return np.where(redrawn, fresh, genomes)


class OnlyUnseen(DuplicateElimination):  # type: ignore[misc]  # pymoo ships no types
    """Drops offspring that repeat each other, the population, or any candidate the search ever evaluated."""

    def __init__(self, seen: SeenGenomes) -> None:
        super().__init__()
        self.seen = seen

    def _do(self, pop: Any, other: Any, is_duplicate: Mask) -> Mask:
        genomes = pop.get("X").astype(np.int64)
        if other is None:
            return self.seen.repeated(genomes)
        others = {row.tobytes() for row in other.get("X").astype(np.int64)}
        marks: Mask = is_duplicate | np.array([row.tobytes() in others for row in genomes], dtype=bool)
        return marks
