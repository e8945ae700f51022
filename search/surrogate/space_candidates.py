"""Candidates of a space too large to list: evolved anew for every model, under the limits on known objectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from search.evolution.nsga2 import Nsga2
from search.front.pareto import non_dominated
from search.objectives.columns import Column
from search.objectives.evaluator import Evaluation, Evaluator
from search.objectives.objective import Objective
from search.objectives.sums import Reach
from search.predictor.covariance import Encoded, Floats
from search.predictor.encoding import Encoding
from search.space.base import Genomes, Space, count_architectures
from search.surrogate.candidates import Candidates
from search.surrogate.known import ERROR, Known

_LISTED = 20_000
"""Spaces up to this size are considered as a whole."""
_GENERATIONS = 25
_LIKELY = 60


@dataclass(frozen=True)
class ModelError:
    """The error as a model expects it, in an `Objective`'s place."""

    encoding: Encoding
    error: Callable[[Encoded], Floats]

    def values(self, genomes: Genomes) -> Floats:
        """Expected error, `(n,)`."""
        return self.error(self.encoding(genomes))

    def reach(self) -> Reach:
        """Any."""
        return Reach(0.0, 1.0, exact=False)


class SpaceCandidates:
    """Candidates of one search.

    `first` are genomes to begin the first evolution with; later ones begin with what was measured.
    """

    def __init__(self, known: Known, encoding: Encoding, rng: np.random.Generator, first: Genomes) -> None:
        self._known = known
        self._encoding = encoding
        self._rng = rng
        self._first = first
        self._small = count_architectures(known.resources.space) <= _LISTED
        self._all: Candidates | None = None

    def start(self) -> Candidates:
        """At least 60 of those predicted best, front after front; fewer where fewer keep the limits."""
        evaluator = self._evaluator(self._known.predicted)
        if self._small:
            evaluator.evaluate(_all_genomes(self._known.resources.space))
        else:
            self._evolve(evaluator, self._first, self._known.spec.generations)
        genomes, values = _feasible(evaluator)
        if self._small:
            self._all = self._made(genomes, values)
        likely = np.zeros(len(genomes), dtype=np.bool_)
        while likely.sum() < min(_LIKELY, len(genomes)):
            rest = np.flatnonzero(~likely)
            likely[rest[non_dominated(values[rest])]] = True
        return self._made(genomes[likely], values[likely])

    def candidates(self, error: Callable[[Encoded], Floats], measured: Genomes) -> Candidates:
        """All of a small space; of a large one those that an evolution by this error comes across."""
        if self._all is not None:
            return self._all
        evaluator = self._evaluator({**self._known.predicted, ERROR: ModelError(self._encoding, error)})
        self._evolve(evaluator, measured, min(self._known.spec.generations, _GENERATIONS))
        return self._made(*_feasible(evaluator))

    def _evaluator(self, objectives: Mapping[Column, Objective]) -> Evaluator:
        return Evaluator(objectives, self._known.columns, self._known.limits)

    def _evolve(self, evaluator: Evaluator, first: Genomes, generations: int) -> None:
        n_choices, population = self._known.resources.space.n_choices, self._known.spec.population
        if len(first) > population // 2:
            first = _best(evaluator.evaluate(first), first)[: population // 2]
        evolution = Nsga2(n_choices, len(self._known.columns), population, self._rng, first)
        for _ in range(generations):
            evaluation = evaluator.evaluate(evolution.ask())
            evolution.tell(evaluation.values, evaluation.violation)

    def _made(self, genomes: Genomes, values: Floats) -> Candidates:
        known = values[:, [column != ERROR for column in self._known.columns]]
        return Candidates(genomes, known, self._encoding(genomes))


def _best(evaluation: Evaluation, genomes: Genomes) -> Genomes:
    """The front of these genomes first."""
    front = non_dominated(evaluation.values)
    return np.concatenate([genomes[front], genomes[~front]])


def _feasible(evaluator: Evaluator) -> tuple[Genomes, Floats]:
    feasible = evaluator.evaluation.feasible
    return evaluator.genomes[feasible], evaluator.evaluation.values[feasible]


def _all_genomes(space: Space) -> Genomes:
    n_choices = tuple(space.n_choices.tolist())
    return np.stack(np.unravel_index(np.arange(np.prod(n_choices)), n_choices), axis=1).astype(np.int64)
