"""Latency with costs of neighbours: equal to the table's own sum for every architecture, with an exact range."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from latency_tables import LatencyTable, OperatorKey, Provenance, Uncertainty
from search import ChainSpace, SearchSpec, latency_reach, random_genomes, run_search, score
from search.objectives.latency import latency_objective
from search.space.chain import BlockCosts
from tests.unit.search.fakes import FakeTable, all_genomes, fake_resources

PROVENANCE = Provenance("board", "none", "none", "0", 1, 1, "float32", 1, "none", "2026", "here", "estimated")


def random_table(space: ChainSpace, share: float = 0.5, seed: int = 0) -> LatencyTable:
    """Random costs; `share` of all pairs of operators, possible neighbours or not, cost more or less together."""
    rng = np.random.default_rng(seed)
    keys = [block.operator_key for block in space.operators()]
    rows = {key: float(rng.exponential()) for key in keys}
    pairs = [(first, second) for first in keys for second in keys if rng.random() < share]
    beside = {pair: float(rng.normal(0, 0.4)) for pair in pairs}
    uncertainty = Uncertainty(tuple((0.01 * n,) for n in range(1 + len(rows))), 0.05, 1.6)
    return LatencyTable("board", space.name, 0.7, frozenset(), rows, PROVENANCE, None, uncertainty, beside)


def totals(space: ChainSpace, table: LatencyTable, genomes: np.ndarray) -> np.ndarray:
    return np.array([table.total_ms(space.architecture(genome).operator_keys) for genome in genomes])


@pytest.mark.parametrize("seed", range(3))
def test_every_architecture_of_the_small_space_has_the_tables_sum(tiny: ChainSpace, seed: int) -> None:
    table, genomes = random_table(tiny, seed=seed), all_genomes(tiny)
    assert len(genomes) == 81
    expected = totals(tiny, table, genomes)
    objective = latency_objective(tiny, table)
    np.testing.assert_allclose(objective.values(genomes), expected, rtol=1e-13)
    reach = objective.reach()
    assert (reach.lowest, reach.highest) == pytest.approx((expected.min(), expected.max()), rel=1e-13)
    assert reach.exact


def test_architectures_of_the_large_space_have_the_tables_sum(fbnet: ChainSpace) -> None:
    table, genomes = random_table(fbnet, 0.2), random_genomes(fbnet, 150, np.random.default_rng(1))
    skips = [all(block.operator_key is None for block in blocks[-1:]) for blocks in fbnet.layers]
    assert any(skips)  # an identity must stand between two operators
    genomes[:20, skips] = fbnet.n_choices[skips] - 1
    objective = latency_objective(fbnet, table)
    np.testing.assert_allclose(objective.values(genomes), totals(fbnet, table, genomes), rtol=1e-12)
    reach = objective.reach()
    assert reach.lowest <= objective.values(genomes).min()
    assert reach.highest >= objective.values(genomes).max()


def test_the_range_counts_neighbours_that_only_meet_over_an_identity(fbnet: ChainSpace) -> None:
    """A reward for two operators with skipped layers between them is found."""
    genome = np.zeros(len(fbnet.n_choices), dtype=np.int64)
    identities = [layer for layer, blocks in enumerate(fbnet.layers) if blocks[-1].operator_key is None]
    genome[identities] = fbnet.n_choices[identities] - 1
    keys = fbnet.architecture(genome).operator_keys
    beside = dict.fromkeys(pairwise(keys), -1000.0)
    fake = FakeTable(neighbour_ms=beside)
    objective = latency_objective(fbnet, fake)
    value = objective.values(genome[None])[0]
    assert value < -1000 * (len(keys) - 2)
    assert objective.reach().lowest <= value


def test_a_table_without_neighbours_costs_nothing_extra(tiny: ChainSpace) -> None:
    assert isinstance(latency_objective(tiny, FakeTable()).cost, BlockCosts)


def test_operators_of_other_spaces_are_passed_over(tiny: ChainSpace, fbnet: ChainSpace) -> None:
    strangers = [block.operator_key for block in fbnet.operators()][1:5]
    beside = {(first, second): 5.0 for first in strangers for second in strangers}
    genomes = all_genomes(tiny)
    plain = latency_objective(tiny, FakeTable()).values(genomes)
    np.testing.assert_allclose(latency_objective(tiny, FakeTable(neighbour_ms=beside)).values(genomes), plain)


def test_counts_are_those_of_the_architectures(fbnet: ChainSpace) -> None:
    genomes = random_genomes(fbnet, 40, np.random.default_rng(2))
    keys = [block.operator_key for block in fbnet.operators()][::-1]
    stranger = OperatorKey("skip", (1, 1, 1), (2, 1, 1), (("stride", 1),))
    counts = fbnet.operator_counts(genomes, [*keys, stranger])
    for genome, row in zip(genomes, counts, strict=True):
        present = fbnet.architecture(genome).operator_keys
        assert row.tolist() == [present.count(key) for key in [*keys, stranger]]


def test_no_genomes_and_no_operators_give_empty_counts(tiny: ChainSpace) -> None:
    assert tiny.operator_counts(np.empty((0, 4), dtype=np.int64), ()).shape == (0, 0)
    assert tiny.operator_counts(all_genomes(tiny), ()).shape == (81, 0)


def test_an_interval_is_the_tables_for_its_own_counts(tiny: ChainSpace) -> None:
    table, genomes = random_table(tiny), all_genomes(tiny)
    counts = [[space_keys.count(key) for key in table.operators] for space_keys in keys_of(tiny, genomes)]
    half = table.half_width_ms(np.array(counts, dtype=float), totals(tiny, table, genomes))
    scores = score(fake_resources(tiny, tables={"board": table}), genomes).latency_ms["board"]
    assert [found.high - found.expected for found in scores] == pytest.approx(half.tolist())


def keys_of(space: ChainSpace, genomes: np.ndarray) -> list[tuple[OperatorKey, ...]]:
    return [space.architecture(genome).operator_keys for genome in genomes]


def test_operators_are_not_counted_for_a_table_without_interval(tiny: ChainSpace, monkeypatch) -> None:
    monkeypatch.setattr(ChainSpace, "operator_counts", None)
    resources = fake_resources(tiny, tables={"board": FakeTable(interval=None)})
    assert score(resources, all_genomes(tiny)).latency_ms["board"][0].low is None


def test_a_search_finds_the_fastest_with_neighbours(tiny: ChainSpace) -> None:
    table = random_table(tiny)
    resources = fake_resources(tiny, tables={"board": table})
    result = run_search(SearchSpec(tiny.name, ("board",), ("latency_ms",), population=16, generations=20), resources)
    assert result.values.min() == pytest.approx(totals(tiny, table, all_genomes(tiny)).min())


def test_the_reach_of_a_table_may_lie_below_no_time(tiny: ChainSpace) -> None:
    table = random_table(tiny)
    falling = replace(table, neighbour_ms=dict.fromkeys(table.neighbour_ms, -50.0))
    expected = totals(tiny, falling, all_genomes(tiny))
    reach = latency_reach(tiny, falling)
    assert (reach.lowest, reach.highest) == pytest.approx((expected.min(), expected.max()), rel=1e-13)
    assert reach.lowest < 0
