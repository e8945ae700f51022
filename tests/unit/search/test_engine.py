"""`run_search`: the front is right, repeatable, keeps its limits, and stops when told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search import (
    ChainSpace,
    GenerationReport,
    Limit,
    LimitError,
    NoFeasibleCandidateError,
    NonFiniteObjectiveError,
    SearchCancelled,
    SearchResources,
    SearchResult,
    SearchSpec,
    random_genomes,
    run_search,
)
from search.front.pareto import non_dominated
from search.objectives.columns import objective_columns
from search.objectives.objective import make_objectives
from tests.unit.search.fakes import SpoiledPredictor, all_genomes, brute_force_front, fake_resources

TINY = SearchSpec("tiny-cifar10", ("board", "phone"), population=24, generations=30)
FBNET = SearchSpec("fbnet-cifar10", ("board", "phone"), population=32, generations=12)


def genomes_of(result: SearchResult) -> list[tuple[int, ...]]:
    return [item.genome for item in result.front]


def true_front(space: ChainSpace, resources: SearchResources, spec: SearchSpec) -> list[tuple[int, ...]]:
    genomes = all_genomes(space)
    columns = objective_columns(spec)
    values = np.column_stack([made.values(genomes) for made in make_objectives(resources, columns).values()])
    return sorted(map(tuple, genomes[brute_force_front(values)].tolist()))


@pytest.mark.parametrize("seed", range(10))
def test_the_true_front_of_a_small_space_is_found(seed: int, tiny: ChainSpace, tiny_resources: SearchResources) -> None:
    result = run_search(replace(TINY, seed=seed), tiny_resources)
    assert sorted(genomes_of(result)) == true_front(tiny, tiny_resources, TINY)


@pytest.mark.parametrize(
    "objectives", [("macs",), ("params", "macs"), ("error", "peak_activation_bytes", "macs", "params")]
)
def test_any_objectives_can_be_minimised(
    objectives: tuple[str, ...], tiny: ChainSpace, tiny_resources: SearchResources
) -> None:
    spec = replace(TINY, objectives=objectives, devices=())
    result = run_search(spec, tiny_resources)
    assert result.columns == objectives
    assert sorted(genomes_of(result)) == true_front(tiny, tiny_resources, spec)


def test_a_space_that_is_used_up_ends_the_search_early(tiny_resources: SearchResources) -> None:
    result = run_search(TINY, tiny_resources)
    assert len(result.genomes) == 81
    assert len(result.hypervolume) == 4
    assert len(np.unique(result.genomes, axis=0)) == 81


@pytest.mark.parametrize("limits", [(), (Limit("latency_ms", "board", None, 12.0),)])
def test_the_same_seed_gives_the_same_result(limits: tuple[Limit, ...], fbnet: ChainSpace) -> None:
    spec = replace(FBNET, limits=limits, seed=5)
    first, second = (run_search(spec, fake_resources(fbnet)) for _ in range(2))
    assert first.front == second.front
    assert first.genomes.tobytes() == second.genomes.tobytes()
    assert first.values.tobytes() == second.values.tobytes()
    assert first.hypervolume == second.hypervolume


def test_searches_one_after_another_do_not_disturb_each_other(fbnet_resources: SearchResources) -> None:
    alone = run_search(FBNET, fbnet_resources)
    run_search(replace(FBNET, population=10, seed=9), fbnet_resources)
    assert run_search(FBNET, fbnet_resources).front == alone.front


def test_another_seed_tries_other_candidates(fbnet_resources: SearchResources) -> None:
    first, second = (run_search(replace(FBNET, seed=seed), fbnet_resources) for seed in (1, 2))
    assert first.genomes.tolist() != second.genomes.tolist()


def test_global_random_state_is_neither_read_nor_changed(fbnet_resources: SearchResources) -> None:
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002  the global generator is what must not matter
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        results.append(run_search(replace(FBNET, generations=4), fbnet_resources))
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert results[0].front == results[1].front


def test_no_generator_is_made_without_a_seed(fbnet_resources: SearchResources, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = np.random.default_rng

    def recording(seed=None):
        made.append(seed)
        return real(seed)

    monkeypatch.setattr(np.random, "default_rng", recording)
    run_search(replace(FBNET, generations=4, seed=11), fbnet_resources)
    # pymoo's `setup` makes one without a seed, which is replaced before it is used.
    assert made.count(None) <= 1
    assert 11 in made


def test_the_front_is_all_that_is_non_dominated_of_all_evaluated(fbnet_resources: SearchResources) -> None:
    result = run_search(FBNET, fbnet_resources)
    best = result.values[result.feasible][non_dominated(result.values[result.feasible])]
    shown = [(item.error, *(latency.expected for latency in item.latency_ms.values())) for item in result.front]
    assert np.array(shown) == pytest.approx(best[np.lexsort(best.T[::-1])])


def test_the_front_is_sorted_by_its_first_objective(fbnet_resources: SearchResources) -> None:
    errors = [item.error for item in run_search(FBNET, fbnet_resources).front]
    assert errors == sorted(errors)
    assert len(errors) > 10


def test_a_front_item_agrees_with_its_architecture(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    item = run_search(FBNET, fbnet_resources).front[3]
    architecture = fbnet.architecture(item.genome)
    assert item.architecture_id == architecture.architecture_id
    assert (item.macs, item.params, item.size_bytes) == (
        architecture.macs,
        architecture.params,
        architecture.size_bytes,
    )
    assert item.peak_activation_bytes == architecture.peak_activation_bytes
    assert item.blocks == tuple(block.label for block in architecture.blocks[1:-1])
    assert len(item.blocks) == 13
    assert item.error_interval == pytest.approx((item.error - 0.01, item.error + 0.01))
    assert set(item.latency_ms) == {"board", "phone"}


def test_every_item_of_the_front_keeps_the_limits(fbnet_resources: SearchResources) -> None:
    limits = (Limit("latency_ms", "board", 8.0, 14.0), Limit("params", None, None, 1_300_000.0))
    result = run_search(replace(FBNET, limits=limits), fbnet_resources)
    assert result.front
    assert all(8.0 <= item.latency_ms["board"].expected <= 14.0 for item in result.front)
    assert all(item.params <= 1_300_000 for item in result.front)
    assert not result.feasible.all()


def test_the_ends_of_the_front_are_there_from_the_first_generation(
    fbnet: ChainSpace, fbnet_resources: SearchResources
) -> None:
    spec = replace(FBNET, objectives=("macs", "latency_ms"), devices=("board",), generations=1)
    result = run_search(spec, fbnet_resources)
    for place, made in enumerate(make_objectives(fbnet_resources, objective_columns(spec)).values()):
        assert result.values[:, place].min() == pytest.approx(made.reach().lowest)


def test_hypervolume_never_falls_and_stays_in_the_box(fbnet_resources: SearchResources) -> None:
    history = np.array(run_search(FBNET, fbnet_resources).hypervolume)
    assert (np.diff(history) >= 0).all()
    assert 0 < history[0] < history[-1] <= 1


def test_it_beats_random_search_with_ten_times_the_evaluations(fbnet: ChainSpace) -> None:
    spec = replace(FBNET, population=48, generations=40)
    result = run_search(spec, fake_resources(fbnet))
    genomes = random_genomes(fbnet, 10 * len(result.genomes), np.random.default_rng(0))
    objectives = make_objectives(fake_resources(fbnet), objective_columns(spec)).values()
    values = np.column_stack([made.values(genomes) for made in objectives])
    best = result.values[non_dominated(result.values)]
    beaten = [(best <= value).all(axis=1).any() for value in values[non_dominated(values)]]
    assert np.mean(beaten) > 0.9


def test_each_generation_is_reported(fbnet_resources: SearchResources) -> None:
    reports: list[GenerationReport] = []
    result = run_search(FBNET, fbnet_resources, reports.append)
    assert [report.generation for report in reports] == list(range(1, 13))
    assert [report.evaluations for report in reports] == [32 * n for n in range(1, 13)]
    assert {report.generations_total for report in reports} == {12}
    assert tuple(report.hypervolume for report in reports) == result.hypervolume
    assert reports[-1].front_size == len(result.front)


def test_reporting_changes_nothing(fbnet_resources: SearchResources) -> None:
    assert run_search(FBNET, fbnet_resources, lambda _: None).front == run_search(FBNET, fbnet_resources).front


def test_what_the_callback_raises_stops_the_search(fbnet: ChainSpace) -> None:
    seen = []

    def stop(report: GenerationReport) -> None:
        seen.append(report.generation)
        if report.generation == 3:
            raise SearchCancelled("enough")

    with pytest.raises(SearchCancelled, match="enough"):
        run_search(FBNET, fake_resources(fbnet), stop)
    assert seen == [1, 2, 3]


def test_an_impossible_limit_never_starts_a_generation(tiny_resources: SearchResources) -> None:
    reports: list[GenerationReport] = []
    with pytest.raises(LimitError):
        run_search(replace(TINY, limits=(Limit("macs", None, None, 10.0),)), tiny_resources, reports.append)
    assert not reports


def test_limits_that_exclude_each_other_end_with_what_came_closest(tiny: ChainSpace) -> None:
    resources = fake_resources(tiny)
    genomes = all_genomes(tiny)
    errors, macs = (
        resources.predictor.mean(genomes),
        make_objectives(resources, objective_columns(replace(TINY, objectives=("macs",), devices=()))),
    )
    fewest = next(iter(macs.values())).reach().lowest
    limits = (Limit("error", None, None, float(errors.min()) + 1e-6), Limit("macs", None, None, fewest))
    with pytest.raises(NoFeasibleCandidateError, match="Widen a limit") as caught:
        run_search(replace(TINY, limits=limits), resources)
    assert caught.value.evaluated == 81
    assert set(caught.value.closest) == {"error", "macs"}
    assert f"macs <= {fewest:g}" in caught.value.limits


def test_a_few_broken_candidates_stay_out_of_the_front(fbnet: ChainSpace) -> None:
    class RarelyBroken(SpoiledPredictor):
        def mean(self, genomes):
            broken = (genomes[:, :3] == 0).all(axis=1)
            return np.where(broken, -np.inf, super(SpoiledPredictor, self).mean(genomes))

    result = run_search(FBNET, fake_resources(fbnet, predictor=RarelyBroken(fbnet, -np.inf)))
    assert len(result.front) > 10
    assert np.isfinite(result.values).all()
    assert not any(item.genome[:3] == (0, 0, 0) for item in result.front)


def test_many_broken_candidates_end_the_search(fbnet: ChainSpace) -> None:
    with pytest.raises(NonFiniteObjectiveError, match="error: "):
        run_search(FBNET, fake_resources(fbnet, predictor=SpoiledPredictor(fbnet, np.nan)))


def test_the_smallest_search_there_is(tiny_resources: SearchResources) -> None:
    result = run_search(replace(TINY, population=2, generations=1), tiny_resources)
    assert len(result.genomes) == 2
    assert 1 <= len(result.front) <= 2
