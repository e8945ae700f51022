"""Columns: the objectives of a spec, spelled out per device. Read by the engine and the evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search.spec import WORST, WORST_LATENCY, WORST_SHARE, Limit, SearchSpec


@dataclass(frozen=True)
class Column:
    """One objective.

    Attributes:
        device: for a latency its device, or `worst`.
        worst_of: for a worst case the devices, each with the number of ms that count as 1.
    """

    objective: str
    device: str | None = None
    worst_of: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        return self.objective if self.device is None else f"{self.objective}:{self.device}"


def objective_columns(spec: SearchSpec) -> tuple[Column, ...]:
    """Columns to minimise, in the order of the spec's objectives; `latency_ms` becomes one per device.

    Raises:
        KeyError: `latency_share:worst` without an upper limit on a device's latency; `check_spec` finds that first.
    """
    return tuple(column for objective in spec.objectives for column in _columns(objective, spec))


def _columns(objective: str, spec: SearchSpec) -> Iterator[Column]:
    name, _, device = objective.partition(":")
    if objective == "latency_ms":
        yield from (Column(objective, each) for each in spec.devices)
    elif objective == WORST_LATENCY:
        yield Column(name, WORST, tuple((each, 1.0) for each in spec.devices))
    elif objective == WORST_SHARE:
        most = most_allowed(spec.limits)
        yield Column(name, WORST, tuple((each, most[Column("latency_ms", each)]) for each in spec.devices))
    else:
        yield Column(name, device or None)


def most_allowed(limits: tuple[Limit, ...]) -> dict[Column, float]:
    """The upper bound of every column that has one."""
    return {limit_column(limit): limit.maximum for limit in limits if limit.maximum is not None}


def limit_column(limit: Limit) -> Column:
    """The column that a limit bounds; it need not be minimised."""
    return Column(limit.objective, limit.device)


def limit_text(limit: Limit) -> str:
    """A limit as people write it, for example `latency_ms <= 5 on pixel-3`."""
    place = "" if limit.device is None else f" on {limit.device}"
    low = "" if limit.minimum is None else f"{limit.minimum:g} <= "
    high = "" if limit.maximum is None else f" <= {limit.maximum:g}"
    return f"{low}{limit.objective}{high}{place}" if high else f"{limit.objective} >= {limit.minimum:g}{place}"
