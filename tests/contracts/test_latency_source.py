"""What the engine asks of a latency table, on a real table and on the fake that the engine's tests use."""

from __future__ import annotations

import math

import pytest

from latency_tables import LatencyTable, MissingOperatorError, OperatorKey, Provenance, Uncertainty
from search import ChainSpace, LatencySource, SearchResources, SearchSpec, load_space, run_search, score
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
    return LatencyTable(
        "board", space.name, 1.0, covers, rows, PROVENANCE, None, Uncertainty(((0.1,),) * (1 + len(rows)), 0.1, 1.6)
    )


def fake_table(space: ChainSpace) -> FakeTable:
    return FakeTable(absent=[STRANGER])


@pytest.fixture(params=[real_table, fake_table], ids=["real", "fake"])
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


def test_a_score_is_the_tables_sum(table: LatencySource, space: ChainSpace) -> None:
    resources = fake_resources(space, tables={"board": table})
    architecture = space.architecture((0, 1, 2, 1))
    by_hand = table.fixed_ms + sum(table.latency_ms(key) for key in architecture.operator_keys)
    estimate = score(resources, [architecture.genome]).latency_ms["board"][0]
    assert estimate.expected == pytest.approx(by_hand)
    assert estimate.kind == table.kind


def test_a_search_runs_on_it(table: LatencySource, space: ChainSpace) -> None:
    resources: SearchResources = fake_resources(space, tables={"board": table})
    result = run_search(SearchSpec(space.name, ("board",), population=20, generations=3), resources)
    assert result.columns == ("error", "latency_ms:board")
    assert result.front
