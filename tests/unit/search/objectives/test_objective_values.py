"""Every objective against the architecture it is about, and its claimed range against all of a small space."""

from __future__ import annotations

import numpy as np
import pytest

from latency_tables import MissingOperatorError
from search import Architecture, ChainSpace, SearchResources, SearchSpec, random_genomes
from search.objectives.columns import Column, limit_text, objective_columns
from search.objectives.objective import make_objectives
from search.objectives.sums import Reach
from search.spec import Limit
from tests.unit.search.fakes import FakeTable, SpoiledPredictor, all_genomes, fake_resources

COSTS = ("macs", "params", "size_bytes", "peak_activation_bytes")
COLUMNS = [*map(Column, ("error", *COSTS)), Column("latency_ms", "board"), Column("latency_ms", "phone")]


def values_of(resources: SearchResources, column: Column, genomes: np.ndarray) -> np.ndarray:
    return make_objectives(resources, [column])[column].values(genomes)


def reach_of(resources: SearchResources, column: Column) -> Reach:
    return make_objectives(resources, [column])[column].reach()


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_is_the_architectures_own(name: str, fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    genomes = random_genomes(fbnet, 50, np.random.default_rng(0))
    expected = [getattr(fbnet.architecture(genome), name) for genome in genomes]
    assert values_of(fbnet_resources, Column(name), genomes).tolist() == expected


def latency_by_hand(table: FakeTable, architecture: Architecture) -> float:
    return table.fixed_ms + sum(table.latency_ms(key) for key in architecture.operator_keys)


@pytest.mark.parametrize("device", ["board", "phone"])
def test_latency_is_the_fixed_cost_plus_every_operator(
    device: str, fbnet: ChainSpace, fbnet_resources: SearchResources
) -> None:
    genomes = random_genomes(fbnet, 50, np.random.default_rng(1))
    table = fbnet_resources.tables[device]
    expected = [latency_by_hand(table, fbnet.architecture(genome)) for genome in genomes]
    assert values_of(fbnet_resources, Column("latency_ms", device), genomes) == pytest.approx(expected)


def test_error_is_the_predictors_mean(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    expected = tiny_resources.predictor.mean(genomes)
    assert values_of(tiny_resources, Column("error"), genomes).tolist() == expected.tolist()


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_the_reach_is_the_range_of_the_whole_space(
    column: Column, tiny: ChainSpace, tiny_resources: SearchResources
) -> None:
    values = values_of(tiny_resources, column, all_genomes(tiny))
    reach = reach_of(tiny_resources, column)
    assert (reach.lowest, reach.highest) == pytest.approx((values.min(), values.max()))


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_only_the_reach_of_the_error_is_an_estimate(column: Column, tiny_resources: SearchResources) -> None:
    assert reach_of(tiny_resources, column).exact == (column.objective != "error")


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_no_random_architecture_is_beyond_the_reach(column: Column, fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    values = values_of(resources, column, random_genomes(fbnet, 5000, np.random.default_rng(2)))
    reach = reach_of(resources, column)
    rounding = 1e-9 * abs(reach.highest)
    assert reach.lowest - rounding <= values.min() <= values.max() <= reach.highest + rounding


def test_the_reach_of_the_error_does_not_depend_on_the_call(fbnet_resources: SearchResources) -> None:
    assert reach_of(fbnet_resources, Column("error")) == reach_of(fbnet_resources, Column("error"))


def test_a_nan_does_not_end_in_the_reach(tiny: ChainSpace) -> None:
    resources = fake_resources(tiny, predictor=SpoiledPredictor(tiny, np.nan))
    reach = reach_of(resources, Column("error"))
    assert np.isfinite([reach.lowest, reach.highest]).all()


def test_missing_operators_are_all_named_before_anything_is_looked_up(tiny: ChainSpace) -> None:
    absent = tuple(block.operator_key for block in tiny.operators()[1:4])
    resources = fake_resources(tiny, tables={"board": FakeTable(absent=absent)})
    with pytest.raises(MissingOperatorError) as caught:
        make_objectives(resources, [Column("latency_ms", "board")])
    assert caught.value.operator_keys == tuple(map(str, absent))
    assert caught.value.device == "board"


def test_a_missing_operator_that_no_column_needs_does_not_matter(tiny: ChainSpace) -> None:
    absent = tuple(block.operator_key for block in tiny.operators())
    resources = fake_resources(tiny, tables={"board": FakeTable(absent=absent)})
    assert make_objectives(resources, [Column("macs")])


def test_values_of_no_genomes_are_no_values(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    none = np.empty((0, len(tiny.n_choices)), dtype=np.int64)
    assert all(made.values(none).shape == (0,) for made in make_objectives(tiny_resources, COLUMNS).values())


def test_latency_has_one_column_per_device_where_it_is_named() -> None:
    spec = SearchSpec("tiny-cifar10", ("phone", "board"), ("macs", "latency_ms", "error"))
    assert list(map(str, objective_columns(spec))) == ["macs", "latency_ms:phone", "latency_ms:board", "error"]


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit("latency_ms", "pixel-3", None, 5.0), "latency_ms <= 5 on pixel-3"),
        (Limit("macs", None, 1e6, None), "macs >= 1e+06"),
        (Limit("error", None, 0.05, 0.1), "0.05 <= error <= 0.1"),
    ],
)
def test_a_limit_reads_like_people_write_it(limit: Limit, text: str) -> None:
    assert limit_text(limit) == text
