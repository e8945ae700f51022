"""Limits that exclude each other are found before a search, and none that some architecture keeps are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from search import ChainSpace, JointLimitsError, Limit, SearchResources, SearchSpec, check_spec
from search.objectives.columns import limit_column
from search.objectives.joint import contradiction
from search.objectives.objective import make_objectives
from tests.unit.search.fakes import FakeTable, all_genomes, fake_resources

SPEC = SearchSpec("tiny-cifar10", ("board", "phone"))


@pytest.fixture
def resources(tiny: ChainSpace) -> SearchResources:
    """On the phone operators cost less where they cost more on the board."""
    keys = [block.operator_key for block in tiny.operators() if block.operator_key is not None]
    board = FakeTable("board")
    against = {key: 1.0 - 0.5 * board.latency_ms(key) for key in keys}
    return fake_resources(tiny, tables={"board": board, "phone": FakeTable("phone", broken=against)})


def values_of(resources: SearchResources, limits: tuple[Limit, ...]) -> np.ndarray:
    """Of all architectures, one column per limit."""
    columns = list(map(limit_column, limits))
    objectives = make_objectives(resources, columns)
    genomes = all_genomes(resources.space)
    return np.column_stack([objectives[column].values(genomes) for column in columns])


def limits_at(resources: SearchResources, shares: tuple[float, float]) -> tuple[Limit, ...]:
    """Upper limits at these quantiles of each device's latencies."""
    bare = tuple(Limit("latency_ms", device, None, 1.0) for device in ("board", "phone"))
    values = values_of(resources, bare)
    return tuple(
        replace(limit, maximum=float(np.quantile(values[:, place], shares[place]))) for place, limit in enumerate(bare)
    )


@pytest.mark.parametrize("shares", list(itertools.product([0.0, 0.1, 0.3, 0.6, 0.9], repeat=2)))
def test_what_is_called_impossible_is(shares: tuple[float, float], resources: SearchResources) -> None:
    limits = limits_at(resources, shares)
    keeps = (values_of(resources, limits) <= [limit.maximum for limit in limits]).all(axis=1)
    found = contradiction(resources, limits)
    assert not (found and keeps.any())


def test_limits_that_pull_apart_are_found_with_what_came_closest(resources: SearchResources) -> None:
    limits = limits_at(resources, (0.05, 0.05))
    found = contradiction(resources, limits)
    assert found is not None
    assert found.limits == limits
    rows = values_of(resources, limits).round(9).tolist()
    assert [round(value, 9) for value in found.closest.values()] in rows


def test_only_the_limits_that_exclude_each_other_are_named(resources: SearchResources) -> None:
    loose = Limit("params", None, None, 1e9)
    first, second = limits_at(resources, (0.05, 0.05))
    found = contradiction(resources, (first, loose, second))
    assert found is not None
    assert found.limits == (first, second)


def test_a_minimum_may_exclude_a_maximum(tiny: ChainSpace) -> None:
    resources = fake_resources(tiny)
    limits = (Limit("params", None, 11_000.0, None), Limit("latency_ms", "board", None, 1.3))
    keeps = values_of(resources, limits)
    assert not ((keeps[:, 0] >= 11_000) & (keeps[:, 1] <= 1.3)).any()
    assert contradiction(resources, limits) is not None


def test_costs_of_neighbours_count(tiny: ChainSpace) -> None:
    """Without them the two limits could be kept together."""
    keys = [block.operator_key for block in tiny.operators() if block.operator_key is not None]
    pairs = dict.fromkeys(itertools.product(keys, keys), 5.0)
    limits = (Limit("params", None, 9_000.0, None), Limit("latency_ms", "board", None, 8.0))
    plain = fake_resources(tiny)
    assert contradiction(plain, limits) is None
    beside = fake_resources(tiny, tables=plain.tables | {"board": FakeTable(neighbour_ms=pairs)})
    assert contradiction(beside, limits) is not None


@pytest.mark.parametrize(
    "limits",
    [
        (),
        (Limit("params", None, None, 1.0),),
        (Limit("error", None, None, 0.01), Limit("macs", None, None, 1.0)),
        (Limit("peak_activation_bytes", None, None, 1.0), Limit("error", None, 0.9, None)),
    ],
    ids=["none", "one", "a predicted error", "no sums"],
)
def test_nothing_is_claimed_where_nothing_can_be_shown(limits: tuple[Limit, ...], tiny: ChainSpace) -> None:
    assert contradiction(fake_resources(tiny), limits) is None


def test_a_spec_with_such_limits_is_refused(resources: SearchResources) -> None:
    limits = limits_at(resources, (0.05, 0.05))
    with pytest.raises(
        JointLimitsError, match=r"together: latency_ms <= .* on board; latency_ms <= .* on phone"
    ) as caught:
        check_spec(replace(SPEC, limits=limits), resources)
    assert caught.value.field == ("limits",)
    assert set(caught.value.closest) == {"latency_ms:board", "latency_ms:phone"}
    check_spec(replace(SPEC, limits=limits_at(resources, (0.9, 0.9))), resources)


def test_a_limit_that_is_impossible_alone_is_the_only_fault(resources: SearchResources) -> None:
    limits = (Limit("latency_ms", "board", None, 0.001), limits_at(resources, (0.1, 0.1))[1])
    with pytest.raises(Exception, match="Raise the limit") as caught:
        check_spec(replace(SPEC, limits=limits), resources)
    assert len(caught.value.faults) == 1
