"""The engine: one search from spec to front (DESIGN.md, section 2). Called by the service's jobs and by benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.check import check_spec
from search.errors import NoFeasibleCandidateError
from search.evolution.nsga2 import Nsga2
from search.front.hypervolume import Box
from search.front.items import front_items
from search.front.pareto import RunningFront
from search.objectives.columns import Column, limit_column, limit_text, objective_columns
from search.objectives.descent import descend
from search.objectives.evaluator import Evaluator
from search.objectives.objective import Objective, make_objectives
from search.resources import SearchResources
from search.result import SearchResult
from search.space.base import Genomes, random_genomes
from search.spec import SearchSpec
from search.surrogate.known import ERROR, Known
from search.surrogate.measuring import MeasuredError, MeasuredSearch


@dataclass(frozen=True)
class GenerationReport:
    """Progress after one generation; `hypervolume` as in `front.hypervolume.Box`."""

    generation: int
    generations_total: int
    evaluations: int
    hypervolume: float
    front_size: int


class Proposer(Protocol):
    """Chooses the candidates to evaluate: an evolution, or a search that learns from measurements."""

    def ask(self) -> Genomes:
        """The next candidates, `(n, g)`, none at the end."""

    def tell(self, values: npt.NDArray[np.float64], violation: npt.NDArray[np.float64]) -> None:
        """Their objectives, `(n, m)`, and how far they break the limits, `(n,)`."""


@dataclass(frozen=True)
class _Way:
    """How a search goes about it; `measured` is the column of measured errors, if there is one."""

    objectives: Mapping[Column, Objective]
    proposer: Proposer
    rounds: int
    measured: int | None = None


OnGeneration = Callable[[GenerationReport], None]


def run_search(spec: SearchSpec, resources: SearchResources, on_generation: OnGeneration | None = None) -> SearchResult:
    """Search for the Pareto front: all non-dominated feasible candidates ever evaluated.

    With `spec.evaluations` candidates are measured by `resources.measure`, a few at a time, and the front is taken from
    the measured ones by their measured error; a generation is then one batch.

    The same spec and resources give the same result on the same machine. A space that is used up ends the search
    before its last generation. What `on_generation` raises stops the search and passes through.

    Raises:
        SpecError: the spec cannot run, see `check_spec`.
        NoFeasibleCandidateError: no candidate kept all limits together; says which came closest.
        NonFiniteObjectiveError: more than 5 % of the candidates have an objective that is not a finite number.
        MissingOperatorError: a latency table lacks operators of the space.
    """
    check_spec(spec, resources)
    columns = objective_columns(spec)
    predicted = make_objectives(resources, [*columns, *map(limit_column, spec.limits)])
    way = _way(spec, resources, columns, predicted)
    evaluator = Evaluator(way.objectives, columns, spec.limits)
    front = RunningFront(len(resources.space.n_choices), len(columns))
    box = _box(spec, columns, way.objectives)
    hypervolume: list[float] = []
    for generation in range(1, way.rounds + 1):
        genomes = way.proposer.ask()
        if not len(genomes):
            break
        evaluation = evaluator.evaluate(genomes)
        way.proposer.tell(evaluation.values, evaluation.violation)
        changed = front.update(genomes[evaluation.feasible], evaluation.values[evaluation.feasible])
        hypervolume.append(box.hypervolume(front.values) if changed else (hypervolume or [0.0])[-1])
        if on_generation is not None:
            evaluations = len(evaluator.genomes)
            on_generation(GenerationReport(generation, way.rounds, evaluations, hypervolume[-1], len(front)))
    if not len(front):
        raise NoFeasibleCandidateError(len(evaluator.genomes), tuple(map(limit_text, spec.limits)), evaluator.closest())
    return SearchResult(
        spec=spec,
        columns=tuple(map(str, columns)),
        front=front_items(resources, spec.devices, front, way.measured),
        genomes=evaluator.genomes,
        values=evaluator.evaluation.values,
        feasible=evaluator.evaluation.feasible,
        hypervolume=tuple(hypervolume),
    )


def _way(
    spec: SearchSpec,
    resources: SearchResources,
    columns: tuple[Column, ...],
    predicted: Mapping[Column, Objective],
) -> _Way:
    """Evolve on predictions, or measure candidates where the spec asks for it."""
    rng = np.random.default_rng(spec.seed)
    first = _first_genomes(resources, columns, predicted, rng)
    if resources.measure is None or spec.evaluations is None:
        evolution = Nsga2(resources.space.n_choices, len(columns), spec.population, rng, first)
        return _Way(predicted, evolution, spec.generations)
    measuring = MeasuredSearch(Known(spec, resources, columns, predicted), spec.evaluations, rng, first)
    objectives = {**predicted, ERROR: MeasuredError(resources.measure)}
    return _Way(objectives, measuring, measuring.rounds, columns.index(ERROR))


def _box(spec: SearchSpec, columns: tuple[Column, ...], objectives: Mapping[Column, Objective]) -> Box:
    """From the best value of each column to its worst, or to its limit where one is tighter."""
    most = {limit_column(limit): limit.maximum for limit in spec.limits if limit.maximum is not None}
    reaches = [objectives[column].reach() for column in columns]
    upper = [min(reach.highest, most.get(column, np.inf)) for column, reach in zip(columns, reaches, strict=True)]
    return Box(np.array([reach.lowest for reach in reaches]), np.array(upper))


def _first_genomes(
    resources: SearchResources,
    columns: tuple[Column, ...],
    objectives: Mapping[Column, Objective],
    rng: np.random.Generator,
) -> Genomes:
    """The best genome of each column, so that the front reaches its ends from the first generation."""
    space = resources.space
    starts = random_genomes(space, len(columns), rng)
    pairs = zip(columns, starts, strict=True)
    return np.stack([descend(space, objectives[column].values, start) for column, start in pairs])
