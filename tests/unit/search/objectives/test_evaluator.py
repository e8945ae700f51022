"""The evaluator: each genome once, no Python call per candidate, nothing but finite numbers."""

from __future__ import annotations

import numpy as np
import pytest

from search import ChainSpace, NonFiniteObjectiveError, SearchResources, random_genomes
from search.objectives.columns import Column, limit_column
from search.objectives.evaluator import NON_FINITE, Evaluator
from search.objectives.objective import make_objectives
from search.spec import Limit
from tests.unit.search.fakes import FakePredictor, FakeTable, SpoiledPredictor, all_genomes, fake_resources

ERROR, MACS, BOARD = Column("error"), Column("macs"), Column("latency_ms", "board")


def make(resources: SearchResources, *columns: Column, limits: tuple[Limit, ...] = ()) -> Evaluator:
    return Evaluator(make_objectives(resources, [*columns, *map(limit_column, limits)]), columns, limits)


def test_columns_come_in_the_order_asked_for(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    values = make(tiny_resources, MACS, ERROR).evaluate(genomes).values
    assert values[:, 0].tolist() == [tiny.architecture(genome).macs for genome in genomes]
    assert values[:, 1].tolist() == tiny_resources.predictor.mean(genomes).tolist()


def test_a_repeated_genome_is_evaluated_once(tiny: ChainSpace) -> None:
    predictor = FakePredictor(tiny)
    evaluator = make(fake_resources(tiny, predictor=predictor), ERROR)
    genomes = all_genomes(tiny)[[3, 5, 3, 3, 7]]
    first = evaluator.evaluate(genomes).values
    second = evaluator.evaluate(genomes[::-1]).values
    assert predictor.calls == [3]
    assert first[::-1].tolist() == second.tolist()
    assert evaluator.genomes.tolist() == genomes[[0, 1, 4]].tolist()


@pytest.mark.parametrize("n", [1, 100, 5000])
def test_a_batch_costs_one_call_whatever_its_size(n: int, fbnet: ChainSpace) -> None:
    predictor = FakePredictor(fbnet)
    make(fake_resources(fbnet, predictor=predictor), ERROR).evaluate(random_genomes(fbnet, n, np.random.default_rng(0)))
    assert len(predictor.calls) == 1


def test_tables_are_read_once_per_block_not_per_candidate(fbnet: ChainSpace) -> None:
    asked = []

    class Counting(FakeTable):
        def latency_ms(self, key):
            asked.append(key)
            return super().latency_ms(key)

    evaluator = make(fake_resources(fbnet, tables={"board": Counting()}), BOARD)
    before = len(asked)
    evaluator.evaluate(random_genomes(fbnet, 2000, np.random.default_rng(0)))
    assert len(asked) == before <= fbnet.n_choices.sum() + 2


def test_everything_evaluated_is_kept_in_order(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    evaluator = make(fbnet_resources, ERROR, BOARD)
    batches = [random_genomes(fbnet, 700, np.random.default_rng(seed)) for seed in range(5)]
    values = np.concatenate([evaluator.evaluate(batch).values for batch in batches])
    assert evaluator.genomes.tolist() == np.concatenate(batches).tolist()
    assert evaluator.evaluation.values.tolist() == values.tolist()


def test_an_empty_batch_is_fine(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    evaluator = make(tiny_resources, ERROR, MACS)
    evaluation = evaluator.evaluate(np.empty((0, 4), dtype=np.int64))
    assert evaluation.values.shape == (0, 2)
    assert len(evaluator.genomes) == 0


def test_limits_are_inclusive_on_both_sides(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    macs = np.array([tiny.architecture(genome).macs for genome in genomes], dtype=np.float64)
    low, high = np.sort(macs)[[20, 60]]
    evaluator = make(tiny_resources, ERROR, limits=(Limit("macs", None, low, high),))
    feasible = evaluator.evaluate(genomes).feasible
    assert feasible.tolist() == ((macs >= low) & (macs <= high)).tolist()


def test_a_limited_column_need_not_be_minimised(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    evaluator = make(tiny_resources, ERROR, limits=(Limit("latency_ms", "board", None, 2.0),))
    evaluation = evaluator.evaluate(all_genomes(tiny))
    assert evaluation.values.shape == (81, 1)
    assert 0 < evaluation.feasible.sum() < 81


def test_the_violation_grows_with_the_distance(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    genomes = all_genomes(tiny)
    params = np.array([tiny.architecture(genome).params for genome in genomes])
    evaluator = make(tiny_resources, ERROR, limits=(Limit("params", None, None, float(params.min())),))
    violation = evaluator.evaluate(genomes).violation
    assert (np.argsort(violation, kind="stable") == np.argsort(params, kind="stable")).all()
    assert violation.max() == pytest.approx(1.0)


def test_violations_of_several_limits_add_up(tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    macs, error = Limit("macs", None, None, 2e5), Limit("error", None, 0.3, None)
    genomes = all_genomes(tiny)
    both, one, other = (
        make(tiny_resources, ERROR, limits=limits).evaluate(genomes).violation
        for limits in ((macs, error), (macs,), (error,))
    )
    assert both == pytest.approx(one + other)


def test_the_closest_candidate_is_told_by_its_limited_columns(
    tiny: ChainSpace, tiny_resources: SearchResources
) -> None:
    genomes = all_genomes(tiny)
    evaluator = make(tiny_resources, ERROR, limits=(Limit("macs", None, None, 1.0),))
    evaluator.evaluate(genomes)
    assert evaluator.closest() == {"macs": min(tiny.architecture(genome).macs for genome in genomes)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_becomes_large_and_infeasible(value: float, fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet, predictor=SpoiledPredictor(fbnet, value))
    genomes = random_genomes(fbnet, 200, np.random.default_rng(0))
    genomes[:, 0] = 1
    genomes[17, 0] = 0
    evaluation = make(resources, ERROR, MACS).evaluate(genomes)
    assert np.flatnonzero(~evaluation.feasible).tolist() == [17]
    assert evaluation.values[17, 0] == evaluation.violation[17] == NON_FINITE
    assert np.isfinite(evaluation.values).all()


def test_a_limited_column_that_is_not_finite_counts_too(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet, predictor=SpoiledPredictor(fbnet, -np.inf))
    genomes = np.ones((50, 13), dtype=np.int64)
    genomes[:, 1:] = random_genomes(fbnet, 50, np.random.default_rng(0))[:, 1:]
    genomes[0, 0] = 0
    evaluation = make(resources, MACS, limits=(Limit("error", None, None, 0.9),)).evaluate(genomes)
    assert not evaluation.feasible[0]
    assert evaluation.feasible[1:].all()


def test_more_than_five_percent_end_the_search(tiny: ChainSpace) -> None:
    evaluator = make(fake_resources(tiny, predictor=SpoiledPredictor(tiny, np.nan)), ERROR, MACS)
    with pytest.raises(NonFiniteObjectiveError, match="error: 27") as caught:
        evaluator.evaluate(all_genomes(tiny))
    assert caught.value.counts == {"error": 27}
    assert caught.value.evaluated == 81


def test_a_table_with_one_infinite_row_is_noticed(tiny: ChainSpace) -> None:
    stem = tiny.stem.operator_key
    resources = fake_resources(tiny, tables={"board": FakeTable(broken={stem: np.inf})})
    with pytest.raises(NonFiniteObjectiveError) as caught:
        make(resources, BOARD).evaluate(all_genomes(tiny))
    assert caught.value.counts == {"latency_ms:board": 81}
