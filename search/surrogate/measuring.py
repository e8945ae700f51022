"""MeasuredSearch: what the engine asks and tells instead of an evolution when candidates are measured (ADR 0009)."""

from __future__ import annotations

import numpy as np

from search.objectives.evaluator import NON_FINITE
from search.objectives.sums import Reach
from search.predictor.covariance import Floats
from search.predictor.encoding import fit_encoding
from search.resources import ErrorMeasure
from search.space.base import Genomes
from search.surrogate.known import ERROR, Known
from search.surrogate.proposer import SurrogateProposer
from search.surrogate.space_candidates import SpaceCandidates

_MOST_AT_ONCE = 16
_ROUNDS = 25


class MeasuredError:
    """The error as measured, in an `Objective`'s place."""

    def __init__(self, measure: ErrorMeasure) -> None:
        self._measure = measure

    def values(self, genomes: Genomes) -> Floats:
        """Measured error, `(n,)`."""
        return self._measure.measure(genomes).error

    def reach(self) -> Reach:
        """Any error is possible."""
        return Reach(0.0, 1.0, exact=False)


class MeasuredSearch:
    """Proposes up to `evaluations` candidates in about 25 batches of at most 16.

    The predicted error is a feature of the model, so that it counts for as much as the measurements confirm. `first`
    are genomes to begin the first evolution with. `rounds` tells how many batches there are.
    """

    def __init__(self, known: Known, evaluations: int, rng: np.random.Generator, first: Genomes) -> None:
        self._left = evaluations
        self._batch = min(max(evaluations // _ROUNDS, 1), _MOST_AT_ONCE)
        self._place = known.columns.index(ERROR)
        space = known.resources.space
        encoding = fit_encoding(space, known.prior)
        source = SpaceCandidates(known, encoding, rng, first)
        self._proposer = SurrogateProposer(source, encoding.membership, rng, known.most_error)
        self._none = np.empty((0, len(space.n_choices)), dtype=np.int64)
        first_ones = min(self._proposer.first_ones, evaluations)
        self.rounds = -(-first_ones // self._batch) + -(-(evaluations - first_ones) // self._batch)

    def ask(self) -> Genomes:
        """The next batch, none when the evaluations are used up."""
        genomes = self._proposer.ask(min(self._batch, self._left)) if self._left else self._none
        self._left -= len(genomes)
        return genomes

    def tell(self, values: Floats, violation: Floats) -> None:
        """Objectives of the last batch, `(n, m)`, the error measured."""
        del violation
        errors = values[:, self._place]
        self._proposer.tell(np.where(errors < NON_FINITE, errors, np.nan))
