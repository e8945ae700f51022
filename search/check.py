"""Checks a spec before anything runs: every fault at once, each with the next step (DESIGN.md, section 7).

Called by the service when a search is posted, and by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from search.errors import ChoiceError, GenomeError, MissingTableError, SearchSizeError, SpecError
from search.limit_faults import limit_faults
from search.objective_faults import objective_faults
from search.objectives.columns import limit_column, objective_columns
from search.objectives.objective import make_objectives
from search.objectives.sums import Reach
from search.resources import SearchResources
from search.space.base import check_genomes
from search.spec import WORST, SearchSpec

MOST_EVALUATIONS = 1_000_000
"""Population times generations; every candidate is kept in memory, about 400 bytes each."""
MOST_MEASURED = 2_000
"""Candidates of one search; the time of a step of the model grows with their cube."""
_SIZES = {"population": (2, 2_000), "generations": (1, 10_000)}
_STOPS = {
    "candidates": (1, MOST_EVALUATIONS),
    "seconds": (0.001, 604_800),
    "stagnation_generations": (1, 10_000),
}


def check_spec(spec: SearchSpec, resources: SearchResources) -> None:
    """Refuse a spec that cannot run.

    Limits that can each be kept alone but not together are found where they are sums over blocks (latency, macs,
    params, size) and no mixture of architectures keeps them; other such searches end with `NoFeasibleCandidateError`.
    Limits on the error are refused only when they miss the predictor's estimated range by more than a tenth of it,
    because the range is an estimate.

    Raises:
        SpecError: the first fault, of the class that names it; its `faults` holds all of them.
        MissingOperatorError: a latency table lacks operators of the space.
        ValueError: the resources belong to another space.
    """
    if spec.space != resources.space.name:
        raise ValueError(f"spec is for {spec.space}, resources are for {resources.space.name}")
    faults = (
        *_size_faults(spec),
        *_measuring_faults(spec, resources),
        *objective_faults(spec),
        *_device_faults(spec, resources),
        *limit_faults(spec, resources),
        *_start_faults(spec, resources),
    )
    if faults:
        faults[0].faults = faults
        raise faults[0]
    make_objectives(resources, objective_columns(spec))


def reachable_ranges(spec: SearchSpec, resources: SearchResources) -> dict[str, Reach]:
    """The smallest and largest value the space has, by column, for the spec's objectives and limited columns."""
    columns = dict.fromkeys([*objective_columns(spec), *map(limit_column, spec.limits)])
    return {str(column): made.reach() for column, made in make_objectives(resources, columns).items()}


def _size_faults(spec: SearchSpec) -> Iterator[SpecError]:
    for name, (least, most) in _SIZES.items():
        given = getattr(spec, name)
        if not least <= given <= most:
            yield SearchSizeError(name, given, f"must be from {least} to {most}.")
    for name, (lowest, highest) in _STOPS.items():
        bound = getattr(spec.stop, name)
        if bound is not None and not lowest <= bound <= highest:
            yield SearchSizeError(f"stop.{name}", bound, f"must be from {lowest} to {highest}.")
    evaluations = spec.population * spec.generations
    if evaluations > MOST_EVALUATIONS:
        reason = f"makes {evaluations} evaluations with population {spec.population}; at most {MOST_EVALUATIONS} fit."
        yield SearchSizeError("generations", spec.generations, reason)


def _measuring_faults(spec: SearchSpec, resources: SearchResources) -> Iterator[SpecError]:
    if spec.evaluations is None:
        return
    if not 1 <= spec.evaluations <= MOST_MEASURED:
        yield SearchSizeError("evaluations", spec.evaluations, f"must be from 1 to {MOST_MEASURED}.")
    if "error" not in spec.objectives:
        message = "Candidates are measured for their error, which is not minimised. Add error to the objectives."
        yield ChoiceError(message, ("objectives",))
    if resources.measure is None:
        message = "Nothing is there to measure candidates with. Leave evaluations out, or configure a dataset."
        yield ChoiceError(message, ("evaluations",))


def _device_faults(spec: SearchSpec, resources: SearchResources) -> Iterator[SpecError]:
    known = tuple(sorted(resources.tables))
    for place, device in enumerate(spec.devices):
        field = ("devices", str(place))
        if device not in resources.tables:
            yield MissingTableError(device, spec.space, known, field)
        elif device in spec.devices[:place]:
            yield ChoiceError(f"Device {device} is named twice. Name it once.", field)
        elif device == WORST:
            yield ChoiceError(f"{WORST} stands for the worst case over all devices. Rename this device.", field)
    if not spec.devices and any(objective.startswith("latency") for objective in spec.objectives):
        listed = f"Devices with a table: {', '.join(known)}." if known else "Measure a device first."
        yield ChoiceError(f"An objective of latency needs at least one device. {listed}", ("devices",))


def _start_faults(spec: SearchSpec, resources: SearchResources) -> Iterator[SpecError]:
    try:
        check_genomes(resources.space, [list(genome) for genome in spec.start_genomes])
    except GenomeError as error:
        for row, gene, reason in error.faults:
            place = (row,) if gene is None else (row, gene)
            yield ChoiceError(f"Start genome {row}: {reason}.", ("start_genomes", *map(str, place)))
