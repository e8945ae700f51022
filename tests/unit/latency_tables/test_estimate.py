"""From a result of the agent to a table and its honesty figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from latency_tables import (
    LatencyTable,
    MeasurementError,
    MeasurementPlan,
    MeasureOptions,
    OperatorKey,
    PlanEntry,
    Provenance,
    estimate_table,
    format_table,
    measure_plan,
    parse_table,
    write_plan,
)

ResultFor = Callable[[MeasurementPlan, dict[str, float]], dict[str, Any]]

KEYS = tuple(OperatorKey("block", (n, 8, 8), (n, 8, 8), (("kernel", 3),)) for n in range(1, 13))
COSTS = {key: 0.1 * (number + 1) for number, key in enumerate(KEYS)}


@pytest.fixture
def chain_plan() -> MeasurementPlan:
    """Twelve operators alone and sixty networks of four to eleven of them."""
    rng = np.random.default_rng(7)
    alone = [PlanEntry(f"operator-{n}", (key,), b"x", "operator") for n, key in enumerate(KEYS)]
    drawn = rng.integers(0, len(KEYS), (60, 11))
    whole = [
        PlanEntry(f"network-{n}", tuple(KEYS[i] for i in row[: 4 + n // 2 % 8]), b"x", "network")
        for n, row in enumerate(drawn)
    ]
    return MeasurementPlan("chain", (*alone, *whole))


def true_times(plan: MeasurementPlan, noise: float = 0.0) -> dict[str, float]:
    """Isolated operators 20 % too slow plus 5 us a call; networks 20 us plus the sum of their costs."""
    rng = np.random.default_rng(8)
    times = {}
    for entry in plan.entries:
        total = sum(COSTS[key] for key in entry.operator_keys)
        ms = 1.2 * total + 0.005 if entry.role == "operator" else total + 0.02
        times[entry.name] = ms * float(np.exp(noise * rng.standard_normal()))
    return times


def test_the_table_predicts_networks_it_did_not_see(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    table = estimate_table("my-board", chain_plan, result_for(chain_plan, true_times(chain_plan, noise=0.01)))
    assert table.honesty is not None
    assert table.honesty.networks == 27
    assert table.honesty.mape < 0.02
    assert table.honesty.within_10 == 1.0
    assert table.honesty.kendall_tau is not None
    assert table.honesty.kendall_tau > 0.9
    assert table.uncertainty is not None
    assert 0.005 < table.uncertainty.noise < 0.03
    assert table.honesty.interval_coverage is not None
    assert table.honesty.interval_coverage >= 0.7


def test_the_costs_are_those_of_the_networks_and_not_of_isolated_operators(
    chain_plan: MeasurementPlan, result_for: ResultFor
) -> None:
    table = estimate_table("my-board", chain_plan, result_for(chain_plan, true_times(chain_plan)))
    assert [table.latency_ms(key) for key in KEYS] == pytest.approx(list(COSTS.values()), rel=0.02, abs=0.01)
    assert table.covers == frozenset()


def test_repeatability_compares_the_halves(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    """The fixture's second halves are 2 % slower."""
    honesty = estimate_table("my-board", chain_plan, result_for(chain_plan, true_times(chain_plan))).honesty
    assert honesty is not None
    assert honesty.repeatability_mape == pytest.approx(0.02)
    assert honesty.repeatability_within_10 == 1.0


def test_held_out_networks_change_nothing_but_the_honesty(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    times = true_times(chain_plan, noise=0.01)
    judges = ["network-3", "network-17"]
    plain = estimate_table("my-board", chain_plan, result_for(chain_plan, times), judges)
    shifted = estimate_table(
        "my-board", chain_plan, result_for(chain_plan, times | {name: 2 * times[name] for name in judges}), judges
    )
    assert shifted.operator_ms == plain.operator_ms
    assert shifted.uncertainty == plain.uncertainty
    assert plain.honesty is not None
    assert shifted.honesty is not None
    assert plain.honesty.mape < 0.05 < shifted.honesty.mape


def test_the_same_measurement_gives_the_same_table(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    assert estimate_table("a", chain_plan, result).sha256 == estimate_table("a", chain_plan, result).sha256


def test_provenance_tells_how_it_was_measured(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    provenance = estimate_table("my-board", chain_plan, result_for(chain_plan, true_times(chain_plan))).provenance
    assert (provenance.kind, provenance.runtime, provenance.threads, provenance.runs) == (
        "measured",
        "onnxruntime",
        1,
        60,
    )
    assert provenance.processor == "AMD EPYC"
    assert "frequency unknown" in provenance.notes
    assert "33 whole networks" in provenance.notes


def test_the_present_frequency_is_told_where_no_other_is_known(
    chain_plan: MeasurementPlan, result_for: ResultFor
) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    result["machine"]["frequency_now_mhz"] = 2596.4
    assert "2596 MHz" in estimate_table("my-board", chain_plan, result).provenance.notes


def test_operators_alone_give_a_table_with_a_wide_interval_and_no_honesty(result_for: ResultFor) -> None:
    plan = MeasurementPlan("tiny", (PlanEntry("a", (KEYS[0],), b"x", "operator"),))
    table = estimate_table("my-board", plan, result_for(plan, {"a": 1.0}))
    assert table.honesty is None
    assert table.fixed_ms + table.latency_ms(KEYS[0]) == pytest.approx(1.0)
    half_width_ms = table.half_width_ms(np.array([[1.0]]), np.array([1.0]))
    assert half_width_ms is not None
    assert half_width_ms[0] > 0.5, "one operator alone leaves the call's cost open"


def test_a_measured_plan_becomes_a_file(plan: MeasurementPlan) -> None:
    result = measure_plan(write_plan(plan), MeasureOptions(budget_s=0.05))
    table = estimate_table("my-board", plan, result)
    assert parse_table(format_table(table).encode(), "board.json") == table


def test_constant_predictions_have_no_rank_agreement(result_for: ResultFor) -> None:
    entries = [PlanEntry("a", (KEYS[0],), b"x", "operator")]
    entries += [PlanEntry(f"n{i}", (KEYS[0],), b"x", "network") for i in range(6)]
    plan = MeasurementPlan("tiny", tuple(entries))
    honesty = estimate_table("my-board", plan, result_for(plan, dict.fromkeys([e.name for e in entries], 1.0))).honesty
    assert honesty is not None
    assert honesty.kendall_tau is None


def refusal(plan: MeasurementPlan, result: dict[str, Any]) -> str:
    with pytest.raises(MeasurementError) as caught:
        estimate_table("my-board", plan, result)
    assert len(str(caught.value)) < 3000
    return str(caught.value)


@pytest.mark.parametrize("ms", [0.0, -1.0, float("nan"), float("inf"), 1e9, "1", None, True])
def test_a_time_must_be_a_finite_number_above_0(chain_plan: MeasurementPlan, result_for: ResultFor, ms: object) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    result["entries"]["network-3"]["ms"] = ms
    assert "entries.network-3.ms" in refusal(chain_plan, result)


def test_every_missing_field_is_named(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    for field in ("format", "machine", "entries", "threads"):
        assert f"{field}: Field required" in refusal(chain_plan, {k: v for k, v in result.items() if k != field})
    assert "format" in refusal(chain_plan, result | {"format": "lutnas-measurement/1"})
    assert "surplus" in refusal(chain_plan, result | {"surplus": 1})


def test_the_result_of_another_plan_is_refused(
    chain_plan: MeasurementPlan, plan: MeasurementPlan, result_for: ResultFor
) -> None:
    assert "Measure the present plan again" in refusal(plan, result_for(chain_plan, true_times(chain_plan)))


def test_a_result_that_lacks_an_entry_is_refused(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    del result["entries"]["network-3"]
    assert "Measure the present plan again" in refusal(chain_plan, result)


def test_a_network_with_an_operator_not_measured_alone_is_refused(result_for: ResultFor) -> None:
    plan = MeasurementPlan(
        "tiny", (PlanEntry("a", (KEYS[0],), b"x", "operator"), PlanEntry("n", KEYS[:2], b"x", "network"))
    )
    assert str(KEYS[1]) in refusal(plan, result_for(plan, {"a": 1.0, "n": 2.0}))


def test_neighbours_that_cost_more_get_terms_of_their_own(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    """Every second operator costs 0.3 ms more right behind an even one."""
    rng = np.random.default_rng(9)
    rows = rng.integers(0, 4, (240, 8))
    whole = [PlanEntry(f"n-{n}", tuple(KEYS[i] for i in row), b"x", "network") for n, row in enumerate(rows)]
    plan = MeasurementPlan("chain", (*chain_plan.entries[:4], *whole))
    times = true_times(plan, noise=0.003)
    for entry in whole:
        pairs = pairwise(entry.operator_keys)
        times[entry.name] += sum(0.3 for a, b in pairs if KEYS.index(a) % 2 == 0 and KEYS.index(b) % 2 == 1)
    table = estimate_table("my-board", plan, result_for(plan, times))
    assert table.neighbour_ms
    assert table.neighbour_ms[KEYS[0], KEYS[1]] - table.neighbour_ms[KEYS[1], KEYS[0]] == pytest.approx(0.3, abs=0.1)
    assert table.honesty is not None
    assert table.honesty.mape < 0.01
    assert "lowered the cross-validated error" in table.provenance.notes
    last = whole[-1]
    assert table.total_ms(last.operator_keys) == pytest.approx(table.honesty.predicted_ms[-1], abs=1e-4)


def test_neighbour_terms_that_do_not_help_stay_out(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    table = estimate_table("my-board", chain_plan, result_for(chain_plan, true_times(chain_plan, noise=0.02)))
    assert table.neighbour_ms == {}
    assert "were left out" in table.provenance.notes


def known_table(device: str, factor: float, provenance: Provenance) -> LatencyTable:
    """The first operator is covered: it stands in every network of `few_plan`."""
    rows = {key: factor * COSTS[key] for key in KEYS[1:]}
    own = dataclasses.replace(provenance, device=device)
    return LatencyTable(device, "chain", factor * 0.5, frozenset(KEYS[:1]), rows, own)


@pytest.fixture
def few_plan() -> MeasurementPlan:
    rng = np.random.default_rng(10)
    rows = rng.integers(1, len(KEYS), (12, 7))
    entries = (PlanEntry(f"n-{n}", (KEYS[0], *(KEYS[i] for i in row)), b"x", "network") for n, row in enumerate(rows))
    return MeasurementPlan("chain", tuple(entries))


def test_few_networks_and_known_devices_make_a_table(
    few_plan: MeasurementPlan, result_for: ResultFor, provenance: Provenance
) -> None:
    known = [known_table("a", 0.5, provenance), known_table("b", 3.0, provenance)]
    times = {entry.name: 7.0 * (0.5 + sum(COSTS[key] for key in entry.operator_keys[1:])) for entry in few_plan.entries}
    table = estimate_table("my-board", few_plan, result_for(few_plan, times), known=known)
    assert table.kind == "estimated"
    assert table.covers == frozenset(KEYS[:1])
    assert set(table.operator_ms) == set(KEYS[1:])
    assert [table.latency_ms(key) for key in KEYS[1:]] == pytest.approx([7.0 * COSTS[key] for key in KEYS[1:]], rel=0.1)
    assert table.honesty is not None
    assert (table.honesty.networks, table.honesty.within_10) == (12, 1.0)
    assert "a, b" in table.provenance.notes


def test_a_devices_own_old_table_is_not_its_prior(
    few_plan: MeasurementPlan, result_for: ResultFor, provenance: Provenance
) -> None:
    result = result_for(few_plan, dict.fromkeys([entry.name for entry in few_plan.entries], 2.0))
    with pytest.raises(MeasurementError, match="measure the full plan"):
        estimate_table("my-board", few_plan, result, known=[known_table("my-board", 1.0, provenance)])


def test_a_known_device_that_lacks_an_operator_is_left_out(
    few_plan: MeasurementPlan, result_for: ResultFor, provenance: Provenance
) -> None:
    whole = known_table("a", 1.0, provenance)
    present = next(key for key in KEYS[1:] if any(key in entry.operator_keys for entry in few_plan.entries))
    lacking = dataclasses.replace(whole, operator_ms={k: v for k, v in whole.operator_ms.items() if k != present})
    result = result_for(few_plan, dict.fromkeys([entry.name for entry in few_plan.entries], 2.0))
    with pytest.raises(MeasurementError, match="measure the full plan"):
        estimate_table("my-board", few_plan, result, known=[lacking])
    covering = dataclasses.replace(lacking, covers=lacking.covers | {present})
    both = estimate_table("my-board", few_plan, result, known=[covering, known_table("b", 2.0, provenance)])
    assert "known from b." in both.provenance.notes
    assert present in both.operator_ms


def test_a_kind_that_is_dearer_on_the_new_device_is_found(result_for: ResultFor, provenance: Provenance) -> None:
    """Blocks of kernel 5 take three times as long as the known devices say."""
    keys = [OperatorKey("block", (n, 8, 8), (n, 8, 8), (("kernel", kernel),)) for n in range(1, 7) for kernel in (3, 5)]
    rng = np.random.default_rng(11)
    rows = rng.integers(0, len(keys), (20, 7))
    entries = tuple(PlanEntry(f"n-{n}", tuple(keys[i] for i in row), b"x", "network") for n, row in enumerate(rows))
    plan = MeasurementPlan("chain", entries)
    costs = {key: 0.1 * key.in_shape[0] for key in keys}
    known = []
    for name, factor in (("a", 1.0), ("b", 4.0)):
        known_rows = {key: factor * ms for key, ms in costs.items()}
        own = dataclasses.replace(provenance, device=name)
        known.append(LatencyTable(name, "chain", factor * 0.2, frozenset(), known_rows, own))
    true = {key: ms * (3.0 if dict(key.attributes)["kernel"] == 5 else 1.0) for key, ms in costs.items()}
    times = {entry.name: 0.2 + sum(true[key] for key in entry.operator_keys) for entry in entries}
    table = estimate_table("my-board", plan, result_for(plan, times), known=known)
    assert [table.latency_ms(key) for key in keys] == pytest.approx([true[key] for key in keys], rel=0.25, abs=0.05)


@pytest.mark.parametrize("networks", [1, 4])
def test_too_few_networks_make_no_table(
    few_plan: MeasurementPlan, result_for: ResultFor, provenance: Provenance, networks: int
) -> None:
    plan = MeasurementPlan("chain", few_plan.entries[:networks])
    result = result_for(plan, {entry.name: 2.0 for entry in plan.entries})
    with pytest.raises(MeasurementError, match="from 5 on"):
        estimate_table("my-board", plan, result, known=[known_table("a", 1.0, provenance)])


def test_a_held_out_name_must_be_a_network(chain_plan: MeasurementPlan, result_for: ResultFor) -> None:
    result = result_for(chain_plan, true_times(chain_plan))
    with pytest.raises(MeasurementError, match="'operator-0', which is no network"):
        estimate_table("my-board", chain_plan, result, ["network-1", "operator-0"])
