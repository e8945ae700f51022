"""Several devices at once: each an objective, some limited only, or the worst case of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search import (
    ChainSpace,
    ChoiceError,
    Limit,
    SearchResources,
    SearchSpec,
    SpecError,
    UnknownObjectiveError,
    check_spec,
    reachable_ranges,
    run_search,
)
from search.objectives.box import box_of
from search.objectives.columns import objective_columns
from search.objectives.objective import make_objectives
from tests.unit.search.fakes import FakeTable, all_genomes, brute_force_front, fake_resources

SPEC = SearchSpec("tiny-cifar10", ("board", "phone"), ("error", "latency_ms:worst"), population=24, generations=30)
LIMITS = (Limit("latency_ms", "board", None, 1.9), Limit("latency_ms", "phone", None, 9.0))


@pytest.fixture
def resources(tiny: ChainSpace) -> SearchResources:
    """The phone is four times as slow, with another fixed cost."""
    tables = {"board": FakeTable("board"), "phone": FakeTable("phone", fixed_ms=5.0, factor=4.0)}
    return fake_resources(tiny, tables=tables)


def latencies(resources: SearchResources, genomes: np.ndarray) -> np.ndarray:
    columns = objective_columns(replace(SPEC, objectives=("latency_ms",)))
    return np.column_stack([made.values(genomes) for made in make_objectives(resources, columns).values()])


def names_of(spec: SearchSpec) -> list[str]:
    return list(map(str, objective_columns(spec)))


def fault_of(spec: SearchSpec, resources: SearchResources) -> SpecError:
    with pytest.raises(SpecError) as caught:
        check_spec(spec, resources)
    assert caught.value.faults == (caught.value,)
    return caught.value


@pytest.mark.parametrize(
    ("objectives", "columns"),
    [
        (("error", "latency_ms"), ["error", "latency_ms:board", "latency_ms:phone"]),
        (("latency_ms:phone", "error"), ["latency_ms:phone", "error"]),
        (("error", "latency_ms:worst"), ["error", "latency_ms:worst"]),
        (("error", "latency_share:worst"), ["error", "latency_share:worst"]),
        (("latency_ms:board", "latency_ms:worst"), ["latency_ms:board", "latency_ms:worst"]),
    ],
)
def test_columns_are_named_after_their_devices(objectives, columns, resources: SearchResources) -> None:
    spec = replace(SPEC, objectives=objectives, limits=LIMITS)
    check_spec(spec, resources)
    assert names_of(spec) == columns


def test_the_worst_case_is_the_largest_latency(tiny: ChainSpace, resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    (worst,) = make_objectives(resources, objective_columns(replace(SPEC, objectives=("latency_ms:worst",)))).values()
    assert worst.values(genomes) == pytest.approx(latencies(resources, genomes).max(axis=1))


def test_the_worst_share_is_relative_to_each_devices_own_limit(tiny: ChainSpace, resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    spec = replace(SPEC, objectives=("latency_share:worst",), limits=LIMITS)
    (worst,) = make_objectives(resources, objective_columns(spec)).values()
    shares = latencies(resources, genomes) / np.array([1.9, 9.0])
    assert worst.values(genomes) == pytest.approx(shares.max(axis=1))
    # Both devices are the worst somewhere: a fast board with a tight limit counts as much as a slow one.
    assert set(shares.argmax(axis=1).tolist()) == {0, 1}


@pytest.mark.parametrize("objective", ["latency_ms:worst", "latency_share:worst"])
def test_the_true_front_of_the_worst_case_is_found(
    objective: str, tiny: ChainSpace, resources: SearchResources
) -> None:
    spec = replace(SPEC, objectives=("error", objective), limits=LIMITS)
    result = run_search(spec, resources)
    genomes = all_genomes(tiny)
    genomes = genomes[(latencies(resources, genomes) <= np.array([1.9, 9.0])).all(axis=1)]
    columns = objective_columns(spec)
    values = np.column_stack([made.values(genomes) for made in make_objectives(resources, columns).values()])
    expected = sorted(map(tuple, genomes[brute_force_front(values)].tolist()))
    assert sorted(item.genome for item in result.front) == expected
    assert result.columns == ("error", objective)
    assert set(result.front[0].latency_ms) == {"board", "phone"}


def test_no_network_is_outside_the_range_of_the_worst_case(tiny: ChainSpace, resources: SearchResources) -> None:
    worst = latencies(resources, all_genomes(tiny)).max(axis=1)
    reach = reachable_ranges(SPEC, resources)["latency_ms:worst"]
    assert reach.lowest <= worst.min()
    assert reach.highest == pytest.approx(worst.max())


def test_a_device_may_be_limited_and_not_minimised(resources: SearchResources) -> None:
    spec = replace(SPEC, objectives=("error", "latency_ms:board"), limits=(Limit("latency_ms", "phone", None, 8.0),))
    result = run_search(spec, resources)
    assert result.columns == ("error", "latency_ms:board")
    assert all(item.latency_ms["phone"].expected <= 8.0 for item in result.front)
    assert not result.feasible.all()


@pytest.mark.parametrize(
    ("objective", "limits", "upper"),
    [
        ("latency_ms:worst", LIMITS, 9.0),
        ("latency_share:worst", LIMITS, 1.0),
        ("latency_ms:worst", LIMITS[:1], None),
    ],
)
def test_the_box_ends_where_the_limits_do(objective, limits, upper, resources: SearchResources) -> None:
    spec = replace(SPEC, objectives=(objective,), limits=limits)
    columns = objective_columns(spec)
    objectives = make_objectives(resources, columns)
    highest = objectives[columns[0]].reach().highest
    assert box_of(columns, limits, objectives).upper[0] == pytest.approx(min(highest, upper or np.inf))


@pytest.mark.parametrize("limits", [(), LIMITS[:1], (LIMITS[0], Limit("latency_ms", "phone", 1.0, None))])
def test_a_share_needs_an_upper_limit_on_every_device(limits, resources: SearchResources) -> None:
    fault = fault_of(replace(SPEC, objectives=("error", "latency_share:worst"), limits=limits), resources)
    assert isinstance(fault, ChoiceError)
    assert fault.field == ("objectives", "1")
    assert "phone" in str(fault)


@pytest.mark.parametrize(
    ("objectives", "kind", "place", "words"),
    [
        (("error", "latency_ms:toaster"), ChoiceError, "1", "board, phone, worst"),
        (("latency_ms:", "error"), ChoiceError, "0", "none of the search's devices"),
        (("error", "macs:board"), UnknownObjectiveError, "1", "latency_ms:worst"),
        (("error", "latency_share:board"), UnknownObjectiveError, "1", "latency_share:worst"),
        (("error", "latency_share"), UnknownObjectiveError, "1", "latency_share:worst"),
        (("latency_ms:board", "error", "latency_ms:board"), ChoiceError, "2", "named twice"),
        (("latency_ms", "latency_ms:board"), ChoiceError, "1", "stands for each device"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(objectives, kind, place, words, resources: SearchResources) -> None:
    fault = fault_of(replace(SPEC, objectives=objectives), resources)
    assert isinstance(fault, kind)
    assert fault.field == ("objectives", place)
    assert words in str(fault)


def test_more_than_four_columns_are_refused(resources: SearchResources) -> None:
    spec = replace(SPEC, objectives=("error", "macs", "params", "latency_ms"))
    fault = fault_of(spec, resources)
    assert "5 columns" in str(fault)
    assert fault.field == ("objectives",)
    check_spec(replace(spec, objectives=("error", "macs", "params", "latency_ms:worst")), resources)


def test_no_device_can_be_called_worst(tiny: ChainSpace) -> None:
    resources = fake_resources(tiny, tables={"worst": FakeTable("worst")})
    fault = fault_of(replace(SPEC, devices=("worst",), objectives=("error", "macs")), resources)
    assert fault.field == ("devices", "0")


@pytest.mark.parametrize("objective", ["latency_ms", "latency_ms:worst"])
def test_latency_needs_a_device(objective: str, resources: SearchResources) -> None:
    with pytest.raises(ChoiceError, match="at least one device"):
        check_spec(replace(SPEC, devices=(), objectives=("error", objective)), resources)
