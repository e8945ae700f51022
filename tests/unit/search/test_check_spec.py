"""What `check_spec` refuses: every fault at once, each with its place and the next step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency_tables import MissingOperatorError
from search import (
    ChainSpace,
    ChoiceError,
    Limit,
    LimitError,
    MissingTableError,
    SearchResources,
    SearchSizeError,
    SearchSpec,
    SpecError,
    UnknownObjectiveError,
    check_spec,
    reachable_ranges,
)
from search.limit_faults import round_outwards
from tests.unit.search.fakes import FakeTable, all_genomes, fake_resources

GOOD = SearchSpec("tiny-cifar10", ("board", "phone"))


def fault_of(spec: SearchSpec, resources: SearchResources) -> SpecError:
    """The one fault of a spec."""
    with pytest.raises(SpecError) as caught:
        check_spec(spec, resources)
    assert caught.value.faults == (caught.value,)
    return caught.value


def limited(*limits: Limit) -> SearchSpec:
    return replace(GOOD, limits=limits)


@pytest.mark.parametrize(
    "spec",
    [
        GOOD,
        replace(GOOD, population=2, generations=1),
        replace(GOOD, population=2000, generations=500),
        replace(GOOD, devices=(), objectives=("error", "macs")),
        limited(Limit("macs", None, None, 1e9)),
        limited(Limit("macs", None, 0.0, None), Limit("latency_ms", "phone", None, 1e3)),
        limited(Limit("peak_activation_bytes", None, 1.0, 1e9)),
    ],
)
def test_a_good_spec_passes(spec: SearchSpec, tiny_resources: SearchResources) -> None:
    check_spec(spec, tiny_resources)


@pytest.mark.parametrize(
    ("name", "given", "bounds"),
    [
        ("population", 1, "2 to 2000"),
        ("population", 0, "2 to 2000"),
        ("population", -96, "2 to 2000"),
        ("population", 2001, "2 to 2000"),
        ("generations", 0, "1 to 10000"),
        ("generations", -1, "1 to 10000"),
        ("generations", 10_001, "1 to 10000"),
        ("generations", 10**30, "1 to 10000"),
    ],
)
def test_sizes_out_of_range_are_refused(name: str, given: int, bounds: str, tiny_resources: SearchResources) -> None:
    with pytest.raises(SearchSizeError, match=bounds) as caught:
        check_spec(replace(GOOD, **{name: given}), tiny_resources)
    assert (caught.value.name, caught.value.given, caught.value.field) == (name, given, (name,))


def test_a_search_that_does_not_fit_in_memory_is_refused(tiny_resources: SearchResources) -> None:
    fault = fault_of(replace(GOOD, population=2000, generations=501), tiny_resources)
    assert isinstance(fault, SearchSizeError)
    assert "1002000 evaluations" in str(fault)


def test_an_unknown_objective_is_refused_with_the_known_ones(tiny_resources: SearchResources) -> None:
    fault = fault_of(replace(GOOD, objectives=("error", "flops")), tiny_resources)
    assert isinstance(fault, UnknownObjectiveError)
    assert fault.field == ("objectives", "1")
    assert "Known objectives: error, latency_ms, macs" in str(fault)


def test_a_device_without_a_table_is_refused_with_those_that_have_one(tiny_resources: SearchResources) -> None:
    fault = fault_of(replace(GOOD, devices=("board", "toaster")), tiny_resources)
    assert isinstance(fault, MissingTableError)
    assert (fault.device, fault.known, fault.field) == ("toaster", ("board", "phone"), ("devices", "1"))
    assert "Devices with one: board, phone." in str(fault)


def test_with_no_table_at_all_measuring_is_the_next_step(tiny: ChainSpace) -> None:
    fault = fault_of(replace(GOOD, devices=("board",)), fake_resources(tiny, tables={}))
    assert f"measure a device first (lutnas measure --space {tiny.name})" in str(fault)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"objectives": ()}, ("objectives",)),
        ({"objectives": ("error", "macs", "error")}, ("objectives", "2")),
        ({"devices": ("board", "board")}, ("devices", "1")),
        ({"devices": ()}, ("devices",)),
    ],
)
def test_choices_that_are_empty_or_double_are_refused(
    change: dict, field: tuple, tiny_resources: SearchResources
) -> None:
    fault = fault_of(replace(GOOD, **change), tiny_resources)
    assert isinstance(fault, ChoiceError)
    assert fault.field == field


def test_an_unreachable_latency_says_what_can_be_reached(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    fault = fault_of(limited(Limit("latency_ms", "board", None, 0.5)), tiny_resources)
    assert isinstance(fault, LimitError)
    assert (fault.objective, fault.device, fault.requested) == ("latency_ms", "board", 0.5)
    assert fault.field == ("limits", "latency_ms", "board", "max")
    assert str(fault) == (
        f"latency_ms <= 0.5 on board cannot be reached: the fastest architecture of tiny-cifar10 has"
        f" {fault.best_reachable:.10g} ms. Raise the limit to at least {fault.best_reachable:.10g}."
    )


@pytest.mark.parametrize("objective", ["latency_ms", "macs", "params", "size_bytes", "peak_activation_bytes"])
def test_the_advised_limit_can_be_kept(objective: str, tiny_resources: SearchResources) -> None:
    device = "board" if objective == "latency_ms" else None
    low = fault_of(limited(Limit(objective, device, None, 0.0)), tiny_resources).best_reachable
    high = fault_of(limited(Limit(objective, device, 1e12, None)), tiny_resources).best_reachable
    check_spec(limited(Limit(objective, device, None, low)), tiny_resources)
    check_spec(limited(Limit(objective, device, high, None)), tiny_resources)
    assert low < high


def test_an_unreachable_minimum_is_lowered(tiny_resources: SearchResources) -> None:
    fault = fault_of(limited(Limit("macs", None, 1e12, None)), tiny_resources)
    assert "the largest architecture of tiny-cifar10 has" in str(fault)
    assert "Lower the limit to at most" in str(fault)
    assert fault.field == ("limits", "macs", "min")


def test_an_error_far_below_the_estimate_is_refused(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    fault = fault_of(limited(Limit("error", None, None, 0.01)), tiny_resources)
    best = tiny_resources.predictor.mean(all_genomes(tiny)).min()
    assert fault.best_reachable == pytest.approx(best, abs=1e-3)
    assert "has about" in str(fault)


def test_an_error_a_little_below_the_estimate_is_given_a_try(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    errors = tiny_resources.predictor.mean(all_genomes(tiny))
    just_below = errors.min() - 0.05 * (errors.max() - errors.min())
    check_spec(limited(Limit("error", None, None, just_below)), tiny_resources)


@pytest.mark.parametrize(
    ("limit", "words", "field"),
    [
        (Limit("macs", None, 2e6, 1e6), "contradicts itself", ("limits", "macs", "min")),
        (Limit("latency_ms", "board", 9.0, 2.0), "contradicts itself", ("limits", "latency_ms", "board", "min")),
        (Limit("macs", None, None, None), "neither", ("limits", "macs")),
        (Limit("macs", None, None, np.nan), "finite", ("limits", "macs", "max")),
        (Limit("macs", None, -np.inf, None), "finite", ("limits", "macs", "min")),
        (Limit("latency_ms", None, None, 5.0), "needs the device", ("limits", "latency_ms")),
        (Limit("macs", "board", None, 5e6), "cannot have a device", ("limits", "macs", "board")),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    limit: Limit, words: str, field: tuple, tiny_resources: SearchResources
) -> None:
    fault = fault_of(limited(limit), tiny_resources)
    assert isinstance(fault, LimitError)
    assert words in str(fault)
    assert fault.field == field


def test_a_limit_on_an_unknown_objective_is_refused(tiny_resources: SearchResources) -> None:
    fault = fault_of(limited(Limit("flops", None, None, 5.0)), tiny_resources)
    assert isinstance(fault, UnknownObjectiveError)
    assert fault.field == ("limits", "flops")


def test_a_limit_on_a_device_without_a_table_is_refused(tiny_resources: SearchResources) -> None:
    fault = fault_of(limited(Limit("latency_ms", "toaster", None, 5.0)), tiny_resources)
    assert isinstance(fault, MissingTableError)
    assert fault.field == ("limits", "latency_ms", "toaster")


def test_a_limit_on_a_device_that_is_not_searched_for_is_refused(tiny_resources: SearchResources) -> None:
    spec = replace(GOOD, devices=("board",), limits=(Limit("latency_ms", "phone", None, 50.0),))
    assert "Add it to devices" in str(fault_of(spec, tiny_resources))


def test_two_limits_on_one_column_are_refused(tiny_resources: SearchResources) -> None:
    spec = limited(Limit("macs", None, None, 1e9), Limit("macs", None, 1.0, None))
    with pytest.raises(LimitError, match="Several limits on macs"):
        check_spec(spec, tiny_resources)


def test_all_faults_are_told_at_once(tiny_resources: SearchResources) -> None:
    limits = (Limit("macs", None, None, 1.0), Limit("params", None, 2.0, 1.0))
    spec = SearchSpec("tiny-cifar10", ("toaster",), ("error", "flops"), limits, population=0, generations=0)
    with pytest.raises(SpecError) as caught:
        check_spec(spec, tiny_resources)
    kinds = [type(fault).__name__ for fault in caught.value.faults]
    assert kinds == [
        "SearchSizeError",
        "SearchSizeError",
        "UnknownObjectiveError",
        "MissingTableError",
        "LimitError",
        "LimitError",
    ]
    assert caught.value is caught.value.faults[0]


def test_a_long_name_is_not_repeated_in_full(tiny_resources: SearchResources) -> None:
    assert len(str(fault_of(replace(GOOD, objectives=("x" * 10_000,)), tiny_resources))) < 300


def test_resources_of_another_space_are_a_callers_mistake(tiny_resources: SearchResources) -> None:
    with pytest.raises(ValueError, match="fbnet-cifar10"):
        check_spec(replace(GOOD, space="fbnet-cifar10"), tiny_resources)


def test_a_table_that_lacks_operators_is_found_before_the_search(tiny: ChainSpace) -> None:
    table = FakeTable(absent=[tiny.stem.operator_key])
    spec = replace(GOOD, devices=("board",))
    with pytest.raises(MissingOperatorError, match="stem in=3x32x32"):
        check_spec(spec, fake_resources(tiny, tables={"board": table}))


def test_ranges_are_given_for_objectives_and_limited_columns(tiny_resources: SearchResources) -> None:
    spec = replace(limited(Limit("params", None, None, 1e9)), devices=("board",))
    ranges = reachable_ranges(spec, tiny_resources)
    assert list(ranges) == ["error", "latency_ms:board", "params"]
    assert all(reach.lowest < reach.highest for reach in ranges.values())


@pytest.mark.parametrize(
    ("value", "up", "rounded"),
    [
        (7.20001, True, 7.201),
        (7.2099, False, 7.209),
        (123_456.5, True, 123_500.0),
        (0.00123456, True, 0.001235),
        (11_191_360.0, True, 11_191_360.0),
        (0.0, False, 0.0),
    ],
)
def test_rounding_keeps_a_bound_reachable(value: float, up: bool, rounded: float) -> None:
    assert round_outwards(value, up=up) == pytest.approx(rounded, rel=1e-12)
