"""Operators on genomes `(n, g)`: tournament, crossover and mutation of NSGA-II. Called by `nsga2.py`.

All randomness comes from the generator handed in: the search's one generator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes

_CROSSED = 0.9
"""Share of pairs that are crossed; the others' children are copies, which mutation changes."""


def tournament(size: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The winners of n duels, `(n,)`, among rows 0 to `size - 1` that stand best first.

    Every row fights equally often, but for the last round.
    """
    rounds = -(-2 * n // size)
    duels = np.concatenate([rng.permutation(size) for _ in range(rounds)])[: 2 * n].reshape(n, 2)
    return np.asarray(duels.min(axis=1))


def crossover(one: Genomes, other: Genomes, rng: np.random.Generator) -> Genomes:
    """Two children of each pair, `(2n, g)`: in nine pairs of ten each gene changes sides with probability 1/2."""
    changed = rng.random(one.shape) < 0.5
    changed &= rng.random((len(one), 1)) < _CROSSED
    return np.concatenate([np.where(changed, other, one), np.where(changed, one, other)])


def mutation(genomes: Genomes, n_choices: npt.NDArray[np.int64], rng: np.random.Generator) -> Genomes:
    """Genomes in which each gene was redrawn with probability 1/g, uniform over its choices."""
    redrawn = rng.random(genomes.shape) < 1.0 / max(genomes.shape[1], 1)
    return np.where(redrawn, uniform(len(genomes), n_choices, rng), genomes)


def uniform(n: int, n_choices: npt.NDArray[np.int64], rng: np.random.Generator) -> Genomes:
    """Draw `(n, g)` genomes, each gene uniform over its choices."""
    return rng.integers(0, n_choices, size=(n, len(n_choices)), dtype=np.int64)
