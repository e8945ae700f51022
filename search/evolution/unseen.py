"""Which genomes a search has evaluated, and fresh ones when mating finds none: small spaces run out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes, genome_keys

_ENUMERABLE = 2**21
"""Twice the most evaluations a search may have: in a larger space at least every second random genome is unseen."""
_TRIES = 20


class SeenGenomes:
    """The genomes that were evaluated."""

    def __init__(self, n_choices: npt.NDArray[np.int64]) -> None:
        self._n_choices = n_choices
        self._count = math.prod(n_choices.tolist())
        self._keys: set[bytes] = set()

    def add(self, genomes: Genomes) -> None:
        """Remember `(n, g)` genomes."""
        self._keys.update(genome_keys(genomes))

    def repeated(self, genomes: Genomes) -> npt.NDArray[np.bool_]:
        """Mark rows that were seen, or that repeat an earlier row, `(n,)`."""
        keys = genome_keys(genomes)
        marks = np.fromiter(map(self._keys.__contains__, keys), dtype=bool, count=len(keys))
        if len(set(keys)) < len(keys):
            first = {key: row for row, key in reversed(list(enumerate(keys)))}
            marks |= np.array([first[key] != row for row, key in enumerate(keys)])
        return marks

    def draw(self, n: int, rng: np.random.Generator) -> Genomes:
        """Draw up to n distinct unseen genomes, uniformly; fewer, down to none, when the space holds no more."""
        if self._count <= _ENUMERABLE:
            return self._draw_from_all(n, rng)
        drawn = np.empty((0, len(self._n_choices)), dtype=np.int64)
        for _ in range(_TRIES):
            more = rng.integers(0, self._n_choices, size=(n, len(self._n_choices)), dtype=np.int64)
            drawn = np.concatenate([drawn, more])
            drawn = drawn[~self.repeated(drawn)]
            if len(drawn) >= n:
                break
        return drawn[:n]

    def _draw_from_all(self, n: int, rng: np.random.Generator) -> Genomes:
        seen = np.frombuffer(b"".join(sorted(self._keys)), dtype=np.int64).reshape(-1, len(self._n_choices))
        unseen = np.ones(self._count, dtype=bool)
        unseen[np.ravel_multi_index(tuple(seen.T), tuple(self._n_choices))] = False
        chosen = rng.permutation(np.flatnonzero(unseen))[:n]
        return np.stack(np.unravel_index(chosen, tuple(self._n_choices)), axis=1).astype(np.int64)
