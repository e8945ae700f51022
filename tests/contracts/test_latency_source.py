"""What the engine asks of a latency table, on a real table and on the fake that the engine's tests use."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from latency_tables import LatencyTable, MissingOperatorError, OperatorKey, Provenance, Uncertainty
from search import (
    ChainSpace,
    LatencySource,
    SearchResources,
    SearchSpec,
    latency_breakdown,
    load_space,
    run_search,
    score,
)
from tests.unit.search.fakes import FakeTable, fake_resources

STRANGER = OperatorKey("skip", (1, 1, 1), (2, 1, 1), (("stride", 1),))
PROVENANCE = Provenance(
    device="board",
    processor="made up",
    runtime="none",
    runtime_version="0",
    threads=1,
    batch=1,
    precision="float32",
    runs=1,
    statistic="median",
    date="2026-11-22",
    source="tests/contracts",
    kind="measured",
    notes="",
)


def keys_of(space: ChainSpace) -> tuple[OperatorKey, ...]:
    return tuple(block.operator_key for block in space.operators())


def real_table(space: ChainSpace) -> LatencyTable:
    """The fake's numbers in a real table; stem and head are inside the fixed cost."""
    fake, keys = FakeTable(), keys_of(space)
    covers = frozenset([keys[0], keys[-1]])
    rows = {key: fake.latency_ms(key) for key in keys[1:-1]}
    uncertainty = Uncertainty(((0.1,),) * (1 + len(rows)), 0.1, 1.6)
    return LatencyTable(
        "board", space.name, 1.0, covers, rows, PROVENANCE, None, uncertainty, {(keys[1], keys[2]): -0.001}
    )


def real_table_without_interval(space: ChainSpace) -> LatencyTable:
    return replace(real_table(space), uncertainty=None, neighbour_ms={})


def fake_table(space: ChainSpace) -> FakeTable:
    keys = keys_of(space)
    return FakeTable(absent=[STRANGER], operators=tuple(sorted(keys, key=str)), neighbour_ms={(keys[1], keys[2]): 0.5})


def fake_table_without_interval(space: ChainSpace) -> FakeTable:
    return FakeTable(absent=[STRANGER], interval=None)


TABLES = [real_table, real_table_without_interval, fake_table, fake_table_without_interval]


@pytest.fixture(params=TABLES, ids=lambda make: make.__name__)
def table(request: pytest.FixtureRequest) -> LatencySource:
    return request.param(load_space("tiny-cifar10"))


@pytest.fixture
def space() -> ChainSpace:
    return load_space("tiny-cifar10")


def test_it_knows_what_it_is_about(table: LatencySource) -> None:
    assert table.device == "board"
    assert table.kind in ("measured", "published", "estimated")


def test_every_operator_of_its_space_has_a_finite_cost(table: LatencySource, space: ChainSpace) -> None:
    costs = [table.latency_ms(key) for key in keys_of(space)]
    assert all(math.isfinite(cost) and cost >= 0 for cost in [table.fixed_ms, *costs])


def test_an_operator_without_a_row_is_missing_and_never_guessed(table: LatencySource, space: ChainSpace) -> None:
    assert table.missing(keys_of(space)) == ()
    assert table.missing((*keys_of(space), STRANGER)) == (STRANGER,)
    with pytest.raises(MissingOperatorError, match="board has no row for: skip in=1x1x1"):
        table.latency_ms(STRANGER)


def test_covered_operators_cost_nothing_of_their_own(table: LatencySource) -> None:
    assert all(table.latency_ms(key) == 0 for key in table.covers)
    assert not set(table.covers) & set(table.operators)


def test_neighbours_are_pairs_of_operators_with_a_cost(table: LatencySource) -> None:
    for neighbours, extra in table.neighbour_ms.items():
        assert all(isinstance(key, OperatorKey) for key in neighbours)
        assert math.isfinite(extra)


def test_it_has_half_widths_or_none_and_says_which(table: LatencySource) -> None:
    half = table.half_width_ms(np.zeros((3, len(table.operators))), np.array([1.0, 2.0, 3.0]))
    assert table.has_interval == (half is not None)
    assert half is None or (half.shape == (3,) and (half > 0).all())


def test_a_score_is_the_tables_sum(table: LatencySource, space: ChainSpace) -> None:
    resources = fake_resources(space, tables={"board": table})
    for genome in ((0, 1, 2, 1), (0, 0, 0, 0), (2, 2, 2, 2)):
        keys = space.architecture(genome).operator_keys
        by_hand = table.fixed_ms + sum(table.latency_ms(key) for key in keys)
        by_hand += sum(table.neighbour_ms.get(pair, 0.0) for pair in pairwise(keys))
        estimate = score(resources, [genome]).latency_ms["board"][0]
        assert estimate.expected == pytest.approx(by_hand)
        assert estimate.kind == table.kind
        assert (estimate.low is not None) == table.has_interval


def test_its_breakdown_sums_to_the_score(table: LatencySource, space: ChainSpace) -> None:
    architecture = space.architecture((0, 1, 2, 1))
    estimate = score(fake_resources(space, tables={"board": table}), [architecture.genome]).latency_ms["board"][0]
    rows = latency_breakdown(architecture, table)
    assert math.fsum(row.latency_ms for row in rows) == pytest.approx(estimate.expected, abs=1e-9)


def test_a_search_runs_on_it(table: LatencySource, space: ChainSpace) -> None:
    resources: SearchResources = fake_resources(space, tables={"board": table})
    result = run_search(SearchSpec(space.name, ("board",), population=20, generations=3), resources)
    assert result.columns == ("error", "latency_ms:board")
    assert result.front
