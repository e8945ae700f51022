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
from search.front.items import front_items
from search.front.pareto import RunningFront
from search.objectives.box import box_of
from search.objectives.columns import Column, limit_column, limit_text, objective_columns
from search.objectives.evaluator import Evaluator
from search.objectives.objective import Objective, make_objectives
from search.objectives.start import first_genomes
from search.resources import SearchResources
from search.result import SearchResult
from search.space.base import Genomes
from search.spec import SearchSpec
from search.stopping import Clock, Course, Stopping, StopReason
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
    fraction: float = 0.0
    """Of the search, by the stop criterion that is nearest; 1 after the last generation."""


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
    ends_by: StopReason = StopReason.GENERATIONS
    measured: int | None = None


OnGeneration = Callable[[GenerationReport], None]


def run_search(
    spec: SearchSpec,
    resources: SearchResources,
    on_generation: OnGeneration | None = None,
    clock: Clock | None = None,
) -> SearchResult:
    """Search for the Pareto front: all non-dominated feasible candidates ever evaluated.

    With `spec.evaluations` candidates are measured by `resources.measure`, a few at a time, and the front is taken from
    the measured ones by their measured error; a generation is then one batch.

    The same spec and resources give the same result on the same machine, unless `spec.stop.seconds` ended it: the
    engine has no clock, so that one must be given. A space that is used up ends the search, too. What `on_generation`
    raises stops the search and passes through.

    Raises:
        SpecError: the spec cannot run, see `check_spec`.
        NoFeasibleCandidateError: no candidate kept all limits together; says which came closest.
        NonFiniteObjectiveError: more than 5 % of the candidates have an objective that is not a finite number.
        MissingOperatorError: a latency table lacks operators of the space.
        ValueError: the spec limits the seconds and there is no clock.
    """
    check_spec(spec, resources)
    columns = objective_columns(spec)
    predicted = make_objectives(resources, [*columns, *map(limit_column, spec.limits)])
    way = _way(spec, resources, columns, predicted)
    evaluator = Evaluator(way.objectives, columns, spec.limits)
    front = RunningFront(len(resources.space.n_choices), len(columns))
    box = box_of(columns, spec.limits, way.objectives)
    course = Course(Stopping(spec.stop, way.rounds, way.ends_by, clock))
    while course.stopped_by is None:
        genomes = way.proposer.ask()[: course.room()]
        evaluation = evaluator.evaluate(genomes)
        kept = evaluation.feasible
        changed = front.update(genomes[kept], evaluation.values[kept])
        course.add(len(evaluator.genomes), box.hypervolume(front.values) if changed else None)
        if on_generation is not None and len(genomes):
            on_generation(_report(course, way.rounds, len(front)))
        if course.stopped_by is None:
            way.proposer.tell(evaluation.values, evaluation.violation)
    if not len(front):
        raise NoFeasibleCandidateError(len(evaluator.genomes), tuple(map(limit_text, spec.limits)), evaluator.closest())
    return SearchResult(
        spec=spec,
        columns=tuple(map(str, columns)),
        front=front_items(resources, spec.devices, front, way.measured),
        genomes=evaluator.genomes,
        values=evaluator.evaluation.values,
        feasible=evaluator.evaluation.feasible,
        hypervolume=tuple(course.hypervolume),
        evaluations=tuple(course.evaluations),
        stopped_by=course.stopped_by,
    )


def _report(course: Course, rounds: int, front_size: int) -> GenerationReport:
    evaluations, hypervolume = course.evaluations, course.hypervolume
    return GenerationReport(
        len(hypervolume), rounds, evaluations[-1], hypervolume[-1], front_size, course.stopping.fraction
    )


def _way(
    spec: SearchSpec,
    resources: SearchResources,
    columns: tuple[Column, ...],
    predicted: Mapping[Column, Objective],
) -> _Way:
    """Evolve on predictions, or measure candidates where the spec asks for it."""
    rng = np.random.default_rng(spec.seed)
    first = first_genomes(spec, resources.space, columns, predicted, rng)
    if resources.measure is None or spec.evaluations is None:
        evolution = Nsga2(resources.space.n_choices, len(columns), spec.population, rng, first)
        return _Way(predicted, evolution, spec.generations)
    measuring = MeasuredSearch(Known(spec, resources, columns, predicted), spec.evaluations, rng, first)
    objectives = {**predicted, ERROR: MeasuredError(resources.measure)}
    return _Way(objectives, measuring, measuring.rounds, StopReason.EVALUATIONS, columns.index(ERROR))
