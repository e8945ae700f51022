"""Columns: the objectives of a spec, spelled out per device. Read by the engine and the evaluator."""

from __future__ import annotations

from dataclasses import dataclass

from search.spec import Limit, SearchSpec


@dataclass(frozen=True)
class Column:
    """One objective; `device` is set for `latency_ms` only."""

    objective: str
    device: str | None = None

    def __str__(self) -> str:
        return self.objective if self.device is None else f"{self.objective}:{self.device}"


def objective_columns(spec: SearchSpec) -> tuple[Column, ...]:
    """Columns to minimise, in the order of the spec's objectives; `latency_ms` becomes one per device."""
    columns: list[Column] = []
    for objective in spec.objectives:
        if objective == "latency_ms":
            columns += [Column(objective, device) for device in spec.devices]
        else:
            columns.append(Column(objective))
    return tuple(columns)


def limit_column(limit: Limit) -> Column:
    """The column that a limit bounds; it need not be minimised."""
    return Column(limit.objective, limit.device)


def limit_text(limit: Limit) -> str:
    """A limit as people write it, for example `latency_ms <= 5 on pixel-3`."""
    place = "" if limit.device is None else f" on {limit.device}"
    low = "" if limit.minimum is None else f"{limit.minimum:g} <= "
    high = "" if limit.maximum is None else f" <= {limit.maximum:g}"
    return f"{low}{limit.objective}{high}{place}" if high else f"{limit.objective} >= {limit.minimum:g}{place}"
