"""From a measurement to a latency table, with its honesty figures.

Part `latency_tables/` of the way of the data (DESIGN.md, sections 2 and 5). Called by `lutnas measure`: isolated
operators are the prior, whole networks are the data (`linear_model`), and networks kept out of both tell how good it
is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from latency_tables.errors import MeasurementError
from latency_tables.linear_model import cross_validated_ms, fit_table_costs
from latency_tables.measurement import Measurement, check_measurement
from latency_tables.operator_key import OperatorKey
from latency_tables.plan import MeasurementPlan, PlanEntry
from latency_tables.provenance import Honesty, Provenance
from latency_tables.table import LatencyTable
from latency_tables.uncertainty import Uncertainty

Floats = npt.NDArray[np.float64]

COVERAGE = 0.9
FOLDS = 10
DECIMALS = 6
"""Of a cost in ms: a nanosecond is below any clock."""


def estimate_table(
    device: str, plan: MeasurementPlan, result: Mapping[str, Any], held_out: Collection[str] | None = None
) -> LatencyTable:
    """Operator costs that explain the isolated operators and the whole networks of a measurement.

    Args:
        device: name of the table's device.
        plan: what was measured. Every operator of a network must be measured alone, too.
        result: what `measure_plan` returned for it.
        held_out: names of the networks that are not fitted but judge the table; None takes every second network.

    Raises:
        MeasurementError: the result does not fit the plan, an operator was not measured, a held-out name is unknown.
    """
    measurement = check_measurement(result, plan)
    keys, isolated_ms = _isolated(plan, measurement)
    networks = [entry for entry in plan.entries if entry.role == "network"]
    judges = _held_out(networks, held_out)
    fitted = [entry for entry in networks if entry.name not in judges]
    counts, latency_ms = _count(fitted, keys), _timings(fitted, measurement, "ms")
    costs = np.round(fit_table_costs(counts, latency_ms, isolated_ms), DECIMALS)
    interval = _interval(counts, latency_ms, isolated_ms)
    kept_out = [entry for entry in networks if entry.name in judges]
    predicted_ms = costs[0] + _count(kept_out, keys) @ costs[1:]
    return LatencyTable(
        device,
        plan.space,
        float(costs[0]),
        frozenset(),
        dict(zip(keys, costs[1:].tolist(), strict=True)),
        _provenance(device, measurement, len(fitted)),
        _honesty(predicted_ms, kept_out, measurement, interval),
        None if interval is None else Uncertainty(((0.0,),) * (1 + len(keys)), interval, 1.0),
    )


def _isolated(plan: MeasurementPlan, measurement: Measurement) -> tuple[tuple[OperatorKey, ...], Floats]:
    """Operators measured alone and their times in ms, `(k,)`; of an operator measured twice the faster one."""
    times: dict[OperatorKey, float] = {}
    for entry in plan.entries:
        if entry.role == "operator":
            key = entry.operator_keys[0]
            times[key] = min(times.get(key, np.inf), measurement.entries[entry.name].ms)
    if not times:
        raise MeasurementError("plan", "has no operator measured alone.")
    missing = [key for entry in plan.entries for key in entry.operator_keys if key not in times]
    if missing:
        raise MeasurementError("plan", f"does not measure alone an operator that a network has: {missing[0]}")
    return tuple(times), np.array(list(times.values()))


def _held_out(networks: Sequence[PlanEntry], names: Collection[str] | None) -> set[str]:
    if names is None:
        return {entry.name for entry in networks[1::2]}
    unknown = set(names) - {entry.name for entry in networks}
    if unknown:
        raise MeasurementError("held_out", f"names {min(unknown)[:80]!r}, which is no network of the plan.")
    return set(names)


def _count(entries: Sequence[PlanEntry], keys: Sequence[OperatorKey]) -> Floats:
    """How often each network has each operator, `(n, k)`."""
    column = {key: index for index, key in enumerate(keys)}
    counts = np.zeros((len(entries), len(keys)))
    for row, entry in enumerate(entries):
        for key in entry.operator_keys:
            counts[row, column[key]] += 1
    return counts


def _timings(entries: Sequence[PlanEntry], measurement: Measurement, field: str) -> Floats:
    return np.array([getattr(measurement.entries[entry.name], field) for entry in entries], dtype=np.float64)


def _interval(counts: Floats, latency_ms: Floats, isolated_ms: Floats) -> float | None:
    """Half-width of the 90 % interval, relative to the prediction, from cross-validation over the fitted networks.

    The quantile is the conformal one (Vovk et al. 2005), which makes up for few networks; with fewer than ten there
    is none.
    """
    n = len(counts)
    if n < 10:
        return None
    predicted = cross_validated_ms(counts, latency_ms, isolated_ms, FOLDS)
    errors = np.sort(np.abs(latency_ms - predicted) / predicted)
    rank = int(np.ceil((n + 1) * COVERAGE))
    return float(np.round(errors[min(rank, n) - 1], DECIMALS))


def _honesty(
    predicted_ms: Floats, entries: Sequence[PlanEntry], measurement: Measurement, interval: float | None
) -> Honesty | None:
    if not entries:
        return None
    measured_ms = _timings(entries, measurement, "ms")
    first, second = (_timings(entries, measurement, f"{half}_half_ms") for half in ("first", "second"))
    errors = np.abs(predicted_ms - measured_ms) / measured_ms
    repeat_errors = np.abs(second - first) / first
    inside = None if interval is None else float(np.mean(np.abs(predicted_ms - measured_ms) <= interval * predicted_ms))
    return Honesty(
        networks=len(entries),
        mape=float(errors.mean()),
        within_5=float(np.mean(errors <= 0.05)),
        within_10=float(np.mean(errors <= 0.10)),
        kendall_tau=_tau(predicted_ms, measured_ms),
        interval_coverage=inside,
        repeatability_mape=float(repeat_errors.mean()),
        repeatability_within_10=float(np.mean(repeat_errors <= 0.10)),
        repeatability_tau=_tau(first, second),
        predicted_ms=tuple(predicted_ms.tolist()),
        measured_ms=tuple(measured_ms.tolist()),
    )


def _tau(first: Floats, second: Floats) -> float | None:
    """Kendall's tau; None when one side is all equal or has fewer than two values."""
    from scipy.stats import kendalltau  # takes a second to import, which reading a table should not cost

    tau = float(kendalltau(first, second).statistic) if len(first) > 1 else float("nan")
    return None if np.isnan(tau) else tau


def _provenance(device: str, measurement: Measurement, networks: int) -> Provenance:
    machine = measurement.machine
    cores = f"{machine.cores} cores" if machine.cores else "cores unknown"
    clock = f"{machine.frequency_mhz:.0f} MHz" if machine.frequency_mhz else "frequency unknown"
    notes = (
        f"{machine.os}, {machine.architecture}, {cores}, {clock}, governor {machine.governor or 'unknown'},"
        f" instruction sets: {' '.join(machine.features) or 'unknown'}. Operators were timed alone and {networks} whole"
        " networks beside them; the rows are the costs that explain both."
    )
    notes = " ".join((notes, *measurement.warnings))
    return Provenance(
        device=device,
        processor=f"{machine.board} ({machine.processor})" if machine.board else machine.processor,
        runtime=measurement.runtime,
        runtime_version=measurement.runtime_version,
        threads=measurement.threads,
        batch=measurement.batch,
        precision=measurement.precision,
        runs=min(timing.rounds * timing.runs for timing in measurement.entries.values()),
        statistic=measurement.statistic,
        date=measurement.date,
        source=f"measured here by latency_tables.agent, plan sha256 {measurement.plan_sha256}",
        kind="measured",
        notes=notes,
        emulated=machine.emulated,
    )
