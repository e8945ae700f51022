"""What may be measured next, with everything known about it beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.predictor.covariance import Encoded, Floats
from search.space.base import Genomes, genome_keys


@dataclass(frozen=True)
class Candidates:
    """Genomes `(n, g)` that keep the limits on known objectives, those objectives `(n, k)`, and the model's view."""

    genomes: Genomes
    known: Floats
    encoded: Encoded

    def __len__(self) -> int:
        return len(self.genomes)

    def take(self, rows: npt.NDArray[np.int64]) -> Candidates:
        """These alone, in their order."""
        return Candidates(self.genomes[rows], self.known[rows], self.encoded[rows])

    def rows_of(self, genomes: Genomes) -> npt.NDArray[np.int64]:
        """The places of those of these genomes that are here, ascending."""
        wanted = set(genome_keys(genomes))
        return np.array([row for row, key in enumerate(genome_keys(self.genomes)) if key in wanted], dtype=np.int64)


def concatenated(first: Candidates, second: Candidates) -> Candidates:
    """Both, in order."""
    columns = np.concatenate([first.encoded.columns, second.encoded.columns])
    summaries = np.concatenate([first.encoded.summaries, second.encoded.summaries])
    genomes, known = np.concatenate([first.genomes, second.genomes]), np.concatenate([first.known, second.known])
    return Candidates(genomes, known, Encoded(columns, summaries))


class CandidateSource(Protocol):
    """Where candidates come from."""

    def start(self) -> Candidates:
        """Before anything is measured: what the first measurements are chosen from."""

    def candidates(self, error: Callable[[Encoded], Floats], measured: Genomes) -> Candidates:
        """Those worth considering, given a model's error `(n,)` of encoded genomes and the `(t, g)` measured."""


@dataclass(frozen=True)
class AllCandidates:
    """Every candidate of a space that is small enough, or of a table."""

    all: Candidates

    def start(self) -> Candidates:
        """All."""
        return self.all

    def candidates(self, error: Callable[[Encoded], Floats], measured: Genomes) -> Candidates:
        """All."""
        del error, measured
        return self.all
