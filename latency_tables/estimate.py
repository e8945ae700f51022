"""From a measurement to a latency table, with its honesty figures.

Part `latency_tables/` of the way of the data (DESIGN.md, sections 2 and 5). Called by `lutnas measure` and by the
service. One model (`cost_model`) for both kinds of plan:

* *full*: operators measured alone are the prior, whole networks the data, other whole networks judge;
* *few-shot*: the tables of known devices are the prior, 10 to 30 whole networks the data; each network is judged by a
  fit to the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from latency_tables.cost_model import CostPosterior, CostPrior, fit_costs, without_negative_costs
from latency_tables.errors import MeasurementError, ResultFault
from latency_tables.few_shot import prior_from_tables, prior_with_kinds
from latency_tables.honesty import Judged, honesty_figures
from latency_tables.isolated import NEIGHBOUR_SHARES, prior_from_isolated, with_neighbours
from latency_tables.known_devices import known_devices
from latency_tables.measurement import Measurement, check_measurement
from latency_tables.operator_key import OperatorKey
from latency_tables.plan import FEWEST_NETWORKS, MeasurementPlan, PlanEntry, fitted_networks
from latency_tables.provenance import Kind, Provenance
from latency_tables.table import LatencyTable, Neighbours
from latency_tables.uncertainty import Uncertainty

Floats = npt.NDArray[np.float64]

FOLDS = 10
NEIGHBOURS_SEEN = 4
"""In fewer fitted networks a pair of neighbours teaches nothing."""
NEIGHBOURS_GAIN = 0.9
"""Neighbour terms enter a table only when they lower the cross-validated error to this share of it."""
CONTRADICTORY = "No costs of operators explain these times: they differ by more than numbers can hold. Measure again."
DECIMALS = 6
"""Of a cost in ms: a nanosecond is below any clock."""


def estimate_table(
    device: str,
    plan: MeasurementPlan,
    result: Mapping[str, Any],
    held_out: Collection[str] | None = None,
    known: Sequence[LatencyTable] = (),
) -> LatencyTable:
    """The operator costs that explain a measurement, with their covariance and honesty figures.

    Args:
        device: name of the table's device.
        plan: what was measured. If it has operators measured alone, every operator of its networks must be among them.
        result: what `measure_plan` returned for it.
        held_out: networks of a full plan that are not fitted but judge the table; None takes the last 5 of 11.
        known: tables of other devices for the same space, the prior of a plan of networks alone.

    Raises:
        MeasurementError: the result does not fit the plan, an operator was not measured, a held-out name is unknown,
            a plan of networks alone comes without known devices, or no costs explain the times.
    """
    measurement = check_measurement(result, plan)
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            if any(entry.role == "operator" for entry in plan.entries):
                return _full(device, plan, measurement, held_out)
            return _few_shot(device, plan, measurement, [table for table in known if table.device != device])
    except (FloatingPointError, np.linalg.LinAlgError) as error:
        raise MeasurementError("entries", CONTRADICTORY, [ResultFault(("entries",), CONTRADICTORY)]) from error


@dataclass(frozen=True)
class _Columns:
    """What the columns of a design are about: the fixed cost, operators, then pairs of neighbours."""

    keys: tuple[OperatorKey, ...]
    pairs: tuple[Neighbours, ...] = ()

    def count(self, entries: Sequence[PlanEntry]) -> Floats:
        """How often each network has each of them, `(n, 1 + k + p)`; other operators are not counted."""
        place = {key: 1 + index for index, key in enumerate(self.keys)}
        beside = {pair: 1 + len(self.keys) + index for index, pair in enumerate(self.pairs)}
        counts = np.zeros((len(entries), 1 + len(place) + len(beside)))
        counts[:, 0] = 1.0
        for row, entry in enumerate(entries):
            for key in filter(place.__contains__, entry.operator_keys):
                counts[row, place[key]] += 1
            for pair in filter(beside.__contains__, pairwise(entry.operator_keys)):
                counts[row, beside[pair]] += 1
        return counts


@dataclass(frozen=True)
class _Design:
    """Networks to fit: what the columns are, `(n, 1 + k + p)` counts, `(n,)` latencies, and the prior."""

    columns: _Columns
    counts: Floats
    latency_ms: Floats
    priors: tuple[CostPrior, ...]

    def fit(self, rows: Floats | None = None) -> CostPosterior:
        """The costs as a table keeps them, from these rows (all when left out), by the prior of most evidence.

        Costs are whole nanoseconds, an operator's at least one: what computes takes time, and readers of tables refuse
        a row of 0. The covariance is that of fixed cost and operators.
        """
        chosen = slice(None) if rows is None else rows
        fits = (fit_costs(self.counts[chosen], self.latency_ms[chosen], prior) for prior in self.priors)
        posterior = max(fits, key=lambda fit: fit.evidence)
        mean, factor = posterior.mean, posterior.factor
        m = 1 + len(self.columns.keys)
        operators = without_negative_costs(replace(posterior, mean=mean[:m], factor=factor[:m]))
        kept = np.vstack([factor[:m], np.zeros((len(mean) - m, factor.shape[1]))])
        costs = np.round(np.concatenate([operators.mean, mean[m:]]), DECIMALS)
        costs[1:m] = np.maximum(costs[1:m], 10.0**-DECIMALS)
        return replace(posterior, mean=costs, factor=kept)

    def in_turn(self, folds: int) -> tuple[Floats, Floats]:
        """Latency of each network in ms and its interval's half-width, by a fit that did not see its fold, `(n,)`."""
        predicted_ms, half_width_ms = np.empty(len(self.counts)), np.empty(len(self.counts))
        fold_of = np.arange(len(self.counts)) % folds
        for fold in range(min(folds, len(self.counts))):
            out = fold_of == fold
            posterior = self.fit(~out)
            predicted_ms[out] = posterior.predict_ms(self.counts[out])
            half_width_ms[out] = posterior.half_width_ms(self.counts[out])
        return predicted_ms, half_width_ms


def _full(
    device: str, plan: MeasurementPlan, measurement: Measurement, held_out: Collection[str] | None
) -> LatencyTable:
    keys, isolated_ms = _isolated(plan, measurement)
    networks = [entry for entry in plan.entries if entry.role == "network"]
    judges = _held_out(networks, held_out)
    fitted = [entry for entry in networks if entry.name not in judges]
    judging = [entry for entry in networks if entry.name in judges]
    design = _full_design(fitted, _timings(fitted, measurement, "ms"), keys, isolated_ms)
    posterior = design.fit()
    counts = design.columns.count(judging)
    honesty = honesty_figures(
        _judged(judging, measurement, posterior.predict_ms(counts), posterior.half_width_ms(counts))
    )
    story = (
        f"Operators were timed alone and {len(fitted)} whole networks beside them; the rows are the costs that explain"
        f" both. {len(judging)} other networks judge them. {_neighbours_story(design.columns)}"
    )
    provenance = _provenance(device, measurement, story, "measured")
    return replace(_table(plan.space, design.columns, posterior, provenance), honesty=honesty)


def _few_shot(
    device: str, plan: MeasurementPlan, measurement: Measurement, known: Sequence[LatencyTable]
) -> LatencyTable:
    if len(plan.entries) < FEWEST_NETWORKS:
        raise MeasurementError("plan", f"has {len(plan.entries)} networks; operators show from {FEWEST_NETWORKS} on.")
    devices = known_devices(known, plan.entries)
    columns = _Columns(devices.keys)
    counts = columns.count(plan.entries)
    prior = prior_from_tables(devices.costs_ms, counts)
    priors = (prior, prior_with_kinds(prior, devices.kinds))
    design = _Design(columns, counts, _timings(plan.entries, measurement, "ms"), priors)
    honesty = honesty_figures(_judged(plan.entries, measurement, *design.in_turn(len(counts))))
    story = (
        f"Few-shot: {len(counts)} whole networks were timed; how the time divides among the operators is known from"
        f" {', '.join(devices.names)}. Each network was judged by a fit to the others."
    )
    provenance = _provenance(device, measurement, story, "estimated")
    table = _table(plan.space, columns, design.fit(), provenance)
    return replace(table, honesty=honesty, covers=devices.constant)


def _full_design(
    fitted: Sequence[PlanEntry], latency_ms: Floats, keys: tuple[OperatorKey, ...], isolated_ms: Floats
) -> _Design:
    """Operators alone, or with neighbour terms where these lower the error on networks that a fit did not see."""
    plain = _Design(_Columns(keys), _Columns(keys).count(fitted), latency_ms, (prior_from_isolated(isolated_ms),))
    seen = Counter(pair for entry in fitted for pair in set(pairwise(entry.operator_keys)))
    pairs = tuple(sorted((pair for pair, times in seen.items() if times >= NEIGHBOURS_SEEN), key=str))
    if len(fitted) < FOLDS or not pairs:
        return plain
    alone = dict(zip(keys, isolated_ms.tolist(), strict=True))
    smaller_ms = np.array([min(alone[first], alone[second]) for first, second in pairs])
    columns = _Columns(keys, pairs)
    counts = columns.count(fitted)
    beside = [
        _Design(columns, counts, latency_ms, (with_neighbours(plain.priors[0], smaller_ms, share),))
        for share in NEIGHBOUR_SHARES
    ]
    errors = [_mape(design.in_turn(FOLDS)[0], latency_ms) for design in (plain, *beside)]
    best = int(np.argmin(errors[1:]))
    return beside[best] if errors[1 + best] < NEIGHBOURS_GAIN * errors[0] else plain


def _mape(predicted_ms: Floats, measured_ms: Floats) -> float:
    return float(np.mean(np.abs(predicted_ms - measured_ms) / measured_ms))


def _neighbours_story(columns: _Columns) -> str:
    if columns.pairs:
        return f"Terms for {len(columns.pairs)} pairs of neighbours lowered the cross-validated error."
    return "Terms for pairs of neighbours did not lower the cross-validated error and were left out."


def _table(space: str, columns: _Columns, posterior: CostPosterior, provenance: Provenance) -> LatencyTable:
    k = len(columns.keys)
    costs = posterior.mean.tolist()
    order = sorted(range(k), key=lambda index: str(columns.keys[index]))
    factor = posterior.factor[[0, *(1 + index for index in order)]]
    rows = tuple(tuple(float(f"{value:.5g}") for value in row) for row in factor.tolist())
    return LatencyTable(
        provenance.device,
        space,
        costs[0],
        frozenset(),
        dict(zip(columns.keys, costs[1 : 1 + k], strict=True)),
        provenance,
        None,
        Uncertainty(rows, float(f"{posterior.noise:.5g}"), float(f"{posterior.quantile:.5g}")),
        dict(zip(columns.pairs, costs[1 + k :], strict=True)),
    )


def _isolated(plan: MeasurementPlan, measurement: Measurement) -> tuple[tuple[OperatorKey, ...], Floats]:
    """Operators measured alone and their times in ms, `(k,)`; of an operator measured twice the faster one."""
    times: dict[OperatorKey, float] = {}
    for entry in plan.entries:
        if entry.role == "operator":
            key = entry.operator_keys[0]
            times[key] = min(times.get(key, np.inf), measurement.entries[entry.name].ms)
    missing = [key for entry in plan.entries for key in entry.operator_keys if key not in times]
    if missing:
        raise MeasurementError("plan", f"does not measure alone an operator that a network has: {missing[0]}")
    return tuple(times), np.array(list(times.values()))


def _held_out(networks: Sequence[PlanEntry], names: Collection[str] | None) -> set[str]:
    if names is None:
        return {entry.name for entry in networks[fitted_networks(len(networks)) :]}
    unknown = set(names) - {entry.name for entry in networks}
    if unknown:
        raise MeasurementError("held_out", f"names {min(unknown)[:80]!r}, which is no network of the plan.")
    return set(names)


def _timings(entries: Sequence[PlanEntry], measurement: Measurement, field: str) -> Floats:
    return np.array([getattr(measurement.entries[entry.name], field) for entry in entries], dtype=np.float64)


def _judged(
    entries: Sequence[PlanEntry], measurement: Measurement, predicted_ms: Floats, half_width_ms: Floats
) -> Judged:
    fields = ("ms", "first_half_ms", "second_half_ms")
    return Judged(predicted_ms, half_width_ms, *(_timings(entries, measurement, field) for field in fields))


def _provenance(device: str, measurement: Measurement, story: str, kind: Kind) -> Provenance:
    machine = measurement.machine
    cores = f"{machine.cores} cores" if machine.cores else "cores unknown"
    mhz = machine.frequency_mhz or machine.frequency_now_mhz
    clock = f"{mhz:.0f} MHz" if mhz else "frequency unknown"
    notes = (
        f"{machine.os}, {machine.architecture}, {cores}, {clock}, governor {machine.governor or 'unknown'},"
        f" instruction sets: {' '.join(machine.features) or 'unknown'}."
    )
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
        kind=kind,
        notes=" ".join((notes, story, *measurement.warnings)),
        emulated=machine.emulated,
    )
