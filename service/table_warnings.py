"""What to know before trusting a table that was put: told in the answer, and no reason to refuse it."""

from __future__ import annotations

from typing import Any

from latency_tables import LatencyTable
from search import Space
from service.table_checks import middling_speed

_FEW_NETWORKS = 10
_MOST_DRIFT = 0.05
"""Slowing down by more than this share blurs the table by about as much as its errors are."""
_USUAL_GMACS_PER_S = (0.02, 500.0)


def drift_of(content: Any) -> float | None:
    """By which share the device was slower for a part of a checked measurement; None for a table, or when unknown."""
    drift = content.get("drift")
    return float(drift["slow_down"]) if isinstance(drift, dict) else None


def table_warnings(
    table: LatencyTable, space: Space, drift: float | None = None, before: LatencyTable | None = None
) -> list[dict[str, str]]:
    """Stable codes with one sentence each.

    `drift` is the share by which the device slowed down meanwhile, `before` the table that this one replaces.
    """
    found = {
        "emulated": _emulated(table),
        "drift": _drift(drift),
        "no_honesty": _no_honesty(table),
        "no_interval": _no_interval(table),
        "threads_unknown": _threads_unknown(table),
        "threads_changed": _threads_changed(table, before),
        "unusual_speed": _unusual_speed(table, space),
    }
    return [{"code": code, "detail": detail} for code, detail in found.items() if detail is not None]


def _emulated(table: LatencyTable) -> str | None:
    if not table.provenance.emulated:
        return None
    return "Measured on an emulated processor: searches refuse this table unless they say allow_emulated."


def _drift(drift: float | None) -> str | None:
    if drift is None or drift <= _MOST_DRIFT:
        return None
    return (
        f"The device was {drift:.0%} slower for a part of the measurement: thermal limits or other programs. Cool it,"
        " end other programs, and measure again."
    )


def _no_honesty(table: LatencyTable) -> str | None:
    if table.honesty is None:
        return "No network was measured: how far these latencies are from the device's is not known."
    if table.honesty.networks < _FEW_NETWORKS:
        return f"Only {table.honesty.networks} networks judge this table."
    return None


def _no_interval(table: LatencyTable) -> str | None:
    return None if table.has_interval else "Latencies of this table come without an interval."


def _threads_unknown(table: LatencyTable) -> str | None:
    known = table.provenance.threads is not None
    return None if known else "A table holds for one number of threads, and this one does not say for which."


def _threads_changed(table: LatencyTable, before: LatencyTable | None) -> str | None:
    threads, earlier = table.provenance.threads, None if before is None else before.provenance.threads
    if threads is None or earlier is None or threads == earlier:
        return None
    return (
        f"This table is of {threads} thread(s), the one that it replaces was of {earlier}: searches now find networks"
        f" for {threads}. The one before can still be named by its version."
    )


def _unusual_speed(table: LatencyTable, space: Space) -> str | None:
    latency_ms, speed = middling_speed(table, space)
    slowest, fastest = _USUAL_GMACS_PER_S
    if slowest <= speed <= fastest:
        return None
    return (
        f"A middling network of {space.name} takes {latency_ms:.4g} ms, which is {speed:.3g} GMAC/s; most devices have"
        f" {slowest:g} to {fastest:g}. Check that the times are milliseconds for one image."
    )
