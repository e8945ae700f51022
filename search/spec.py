"""SearchSpec: the engine's input, frozen and complete, seed included (DESIGN.md, section 2, second of four types)."""

from __future__ import annotations

from dataclasses import dataclass

OBJECTIVES = ("error", "latency_ms", "macs", "params", "size_bytes", "peak_activation_bytes")
"""What can be minimised or limited. `latency_ms` counts once per device."""
WORST = "worst"
"""Stands where a device's name would: the worst case over all devices of a search."""
WORST_LATENCY, WORST_SHARE = f"latency_ms:{WORST}", f"latency_share:{WORST}"


@dataclass(frozen=True)
class Limit:
    """Bounds on one objective; `device` is set for `latency_ms` only. At least one bound is set; both are inclusive."""

    objective: str
    device: str | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class Stop:
    """What ends a search before its last generation, whichever comes first; None leaves a criterion out.

    Attributes:
        candidates: distinct candidates scored; the last generation is cut short to fit.
        seconds: looked at after each generation, so that one generation is always made.
        stagnation_generations: so many generations in which the front's hypervolume rose by less than 0.01 % of
            itself; they count from the first feasible candidate on.
    """

    candidates: int | None = None
    seconds: float | None = None
    stagnation_generations: int | None = None


@dataclass(frozen=True)
class SearchSpec:
    """One search, repeatable: the same spec gives the same front, unless `stop.seconds` ended it.

    Attributes:
        objectives: what is minimised. Names from `OBJECTIVES`, where `latency_ms` makes one column per device;
            `latency_ms:<device>` for one device alone; `latency_ms:worst` for the largest latency of all devices;
            `latency_share:worst` for the largest share of a device's own upper limit.
        devices: names of latency tables, in the order of their columns; those that no objective names are limited or
            only reported.
        population: candidates per generation.
        generations: the first, random population is generation 1.
        start_genomes: candidates for the first population, as many as fit, in this order.
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
    stop: Stop = Stop()
    start_genomes: tuple[tuple[int, ...], ...] = ()
