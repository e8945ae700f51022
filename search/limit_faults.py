"""Faults of a spec's limits: names, bounds that contradict each other, and values that the space cannot reach.

Asked by `search.check`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from search.errors import JointLimitsError, LimitError, MissingTableError, SpecError, UnknownObjectiveError
from search.objectives.columns import Column, limit_column, limit_text
from search.objectives.joint import contradiction
from search.objectives.objective import make_objectives
from search.objectives.sums import Reach
from search.resources import SearchResources
from search.spec import OBJECTIVES, Limit, SearchSpec

_BEYOND_ESTIMATE = 0.1
"""An estimated bound refuses a limit only when it is missed by this share of the estimated range."""
_WORST = {"error": "worst", "latency_ms": "slowest"}
_BEST = {"error": "best", "latency_ms": "fastest"}
_UNITS = {"latency_ms": " ms", "size_bytes": " bytes", "peak_activation_bytes": " bytes"}


def limit_faults(spec: SearchSpec, resources: SearchResources) -> Iterator[SpecError]:
    """Everything wrong with the limits; whether they can be kept together is asked only when each can."""
    reaches: dict[Column, Reach] = {}
    alone = True
    for limit in spec.limits:
        fault = _name_fault(limit, spec, resources) or _bounds_fault(limit)
        if fault is not None:
            alone = False
            yield fault
            continue
        column = limit_column(limit)
        if column not in reaches:
            reaches[column] = make_objectives(resources, [column])[column].reach()
        for fault in _reach_faults(limit, reaches[column], spec.space):
            alone = False
            yield fault
    found = contradiction(resources, spec.limits) if alone else None
    if found is not None:
        yield JointLimitsError(tuple(map(limit_text, found.limits)), found.closest, spec.space)


def limit_field(limit: Limit, *bound: str) -> tuple[str, ...]:
    """Where a limit stands in a search's description, for example `("limits", "latency_ms", "pixel-3", "max")`."""
    device = () if limit.device is None else (limit.device,)
    return ("limits", limit.objective, *device, *bound)


def _name_fault(limit: Limit, spec: SearchSpec, resources: SearchResources) -> SpecError | None:
    field = limit_field(limit)
    if limit.objective not in OBJECTIVES:
        return UnknownObjectiveError(limit.objective, OBJECTIVES, field)
    if (limit.objective == "latency_ms") != (limit.device is not None):
        reason = "needs the device it is for" if limit.device is None else "cannot have a device"
        message = f"A limit on {limit.objective} {reason}. Only latency_ms is limited per device."
        return LimitError(message, field, objective=limit.objective, device=limit.device)
    if limit.device is not None and limit.device not in resources.tables:
        return MissingTableError(limit.device, spec.space, tuple(sorted(resources.tables)), field)
    if limit.device is not None and limit.device not in spec.devices:
        message = f"A limit on {limit.device}, which is not searched for. Add it to devices, or drop the limit."
        return LimitError(message, field, objective=limit.objective, device=limit.device)
    if sum(limit_column(other) == limit_column(limit) for other in spec.limits) > 1:
        message = f"Several limits on {limit_column(limit)}. Give one, with a minimum and a maximum."
        return LimitError(message, field, objective=limit.objective, device=limit.device)
    return None


def _bounds_fault(limit: Limit) -> SpecError | None:
    bounds = {"min": limit.minimum, "max": limit.maximum}
    for name, bound in bounds.items():
        if bound is not None and not math.isfinite(bound):
            message = f"The {name} of {limit_column(limit)} must be a finite number."
            return LimitError(message, limit_field(limit, name), objective=limit.objective, device=limit.device)
    low, high = limit.minimum, limit.maximum
    if low is None and high is None:
        message = f"The limit on {limit_column(limit)} has neither a minimum nor a maximum. Give one."
        return LimitError(message, limit_field(limit), objective=limit.objective, device=limit.device)
    if low is not None and high is not None and low > high:
        message = f"{limit_text(limit)} contradicts itself: the minimum is above the maximum. Swap or widen them."
        field = limit_field(limit, "min")
        return LimitError(message, field, objective=limit.objective, device=limit.device, requested=low)
    return None


def _reach_faults(limit: Limit, reach: Reach, space: str) -> Iterator[SpecError]:
    margin = 0.0 if reach.exact else _BEYOND_ESTIMATE * (reach.highest - reach.lowest)
    if limit.maximum is not None and limit.maximum < reach.lowest - margin:
        yield _unreachable(limit, reach, space, is_maximum=True)
    if limit.minimum is not None and limit.minimum > reach.highest + margin:
        yield _unreachable(limit, reach, space, is_maximum=False)


def _unreachable(limit: Limit, reach: Reach, space: str, *, is_maximum: bool) -> LimitError:
    best = round_outwards(reach.lowest if is_maximum else reach.highest, up=is_maximum)
    requested = limit.maximum if is_maximum else limit.minimum
    one_sided = Limit(limit.objective, limit.device, *((None, requested) if is_maximum else (requested, None)))
    which = _BEST.get(limit.objective, "smallest") if is_maximum else _WORST.get(limit.objective, "largest")
    about = "" if reach.exact else "about "
    advice = f"Raise the limit to at least {best:.10g}." if is_maximum else f"Lower the limit to at most {best:.10g}."
    return LimitError(
        f"{limit_text(one_sided)} cannot be reached: the {which} architecture of {space} has"
        f" {about}{best:.10g}{_UNITS.get(limit.objective, '')}. {advice}",
        limit_field(limit, "max" if is_maximum else "min"),
        objective=limit.objective,
        device=limit.device,
        requested=requested,
        best_reachable=best,
    )


def round_outwards(value: float, *, up: bool) -> float:
    """Four significant digits, rounded so that the result is reachable; whole numbers stay as they are."""
    if value == 0 or value.is_integer():
        return value
    digits = 3 - math.floor(math.log10(abs(value)))
    scale = 10.0**digits
    return (math.ceil if up else math.floor)(value * scale) / scale
