"""SearchSpec: the engine's input, frozen and complete, seed included (DESIGN.md, section 2, second of four types)."""

from __future__ import annotations

from dataclasses import dataclass

OBJECTIVES = ("error", "latency_ms", "macs", "params", "size_bytes", "peak_activation_bytes")
"""What can be minimised or limited. `latency_ms` counts once per device."""


@dataclass(frozen=True)
class Limit:
    """Bounds on one objective; `device` is set for `latency_ms` only. At least one bound is set; both are inclusive."""

    objective: str
    device: str | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class SearchSpec:
    """One search, repeatable: the same spec gives the same front.

    Attributes:
        objectives: names from `OBJECTIVES`, all minimised; `latency_ms` makes one column per device.
        devices: names of latency tables, in the order of their columns.
        population: candidates per generation.
        generations: the first, random population is generation 1.
        evaluations: how many candidates may be measured by `SearchResources.measure`; None searches by prediction
            alone. With it, population and generations are those of each search for the next candidates to measure.
    """

    space: str
    devices: tuple[str, ...]
    objectives: tuple[str, ...] = ("error", "latency_ms")
    limits: tuple[Limit, ...] = ()
    population: int = 96
    generations: int = 150
    seed: int = 0
    evaluations: int | None = None
