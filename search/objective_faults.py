"""Faults of a spec's objectives: unknown names, columns named twice, and more columns than a front can be found for.

Asked by `search.check`.
"""

from __future__ import annotations

from collections.abc import Iterator

from search.errors import ChoiceError, SpecError, UnknownObjectiveError
from search.objectives.columns import Column, most_allowed, objective_columns
from search.spec import OBJECTIVES, WORST, WORST_LATENCY, WORST_SHARE, SearchSpec

MOST_COLUMNS = 4
"""With more nearly every network is on the front, and NSGA-II has nothing to select by (Ishibuchi et al. 2008)."""


def objective_faults(spec: SearchSpec) -> Iterator[SpecError]:
    """Everything wrong with the objectives."""
    if not spec.objectives:
        yield ChoiceError(f"No objectives. Name at least one of: {', '.join(OBJECTIVES)}.", ("objectives",))
    faults = list(_name_faults(spec))
    yield from faults
    if not faults:
        yield from _column_faults(spec)


def _name_faults(spec: SearchSpec) -> Iterator[SpecError]:
    for place, objective in enumerate(spec.objectives):
        field = ("objectives", str(place))
        name, colon, device = objective.partition(":")
        if objective in spec.objectives[:place]:
            yield ChoiceError(f"Objective {objective[:80]} is named twice. Name it once.", field)
        elif objective in (*OBJECTIVES, WORST_LATENCY):
            continue
        elif objective == WORST_SHARE:
            yield from _share_faults(spec, field)
        elif name == "latency_ms" and colon:
            if device not in spec.devices:
                listed = ", ".join((*spec.devices, WORST))
                yield ChoiceError(f"{objective[:80]!r} names none of the search's devices: {listed}.", field)
        else:
            yield UnknownObjectiveError(objective, (*OBJECTIVES, WORST_LATENCY, WORST_SHARE), field)


def _share_faults(spec: SearchSpec, field: tuple[str, ...]) -> Iterator[SpecError]:
    most = most_allowed(spec.limits)
    without = [device for device in spec.devices if not most.get(Column("latency_ms", device), 0.0) > 0]
    if without:
        message = (
            f"{WORST_SHARE} divides a latency by its device's upper limit, which is missing (or 0) for"
            f" {', '.join(without)}. Give limits.latency_ms.<device>.max for each device, or minimise {WORST_LATENCY}."
        )
        yield ChoiceError(message, field)


def _column_faults(spec: SearchSpec) -> Iterator[SpecError]:
    columns = objective_columns(spec)
    for place, objective in enumerate(spec.objectives):
        if objective.startswith("latency_ms:") and objective != WORST_LATENCY and "latency_ms" in spec.objectives:
            message = f"{objective} is among the columns of latency_ms, which stands for each device. Name one of them."
            yield ChoiceError(message, ("objectives", str(place)))
    if len(columns) > MOST_COLUMNS:
        message = (
            f"{len(columns)} columns would be minimised ({', '.join(map(str, columns))}); a search takes at most"
            f" {MOST_COLUMNS}. Minimise {WORST_LATENCY} instead of each device's latency, or name the devices to"
            " minimise as latency_ms:<device> and give the others limits."
        )
        yield ChoiceError(message, ("objectives",))
