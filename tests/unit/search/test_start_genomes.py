"""Searches that start from given genomes, and which of many are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search import (
    ChainSpace,
    ChoiceError,
    GenomeError,
    Limit,
    SearchResources,
    SearchSpec,
    SpecError,
    best_spread,
    check_spec,
    random_genomes,
    run_search,
    start_room,
)
from search.objectives.columns import objective_columns
from search.objectives.objective import make_objectives
from tests.unit.search.fakes import fake_resources

FBNET = SearchSpec("fbnet-cifar10", ("board", "phone"), population=20, generations=4)
TIGHT = (Limit("latency_ms", "board", None, 8.0), Limit("params", None, None, 1_100_000.0))


def drawn(space: ChainSpace, n: int, seed: int = 0) -> list[tuple[int, ...]]:
    return [tuple(row) for row in random_genomes(space, n, np.random.default_rng(seed)).tolist()]


def values_of(resources: SearchResources, genomes: list[tuple[int, ...]]) -> np.ndarray:
    rows = np.array(genomes)
    return np.column_stack(
        [made.values(rows) for made in make_objectives(resources, objective_columns(FBNET)).values()]
    )


def test_given_genomes_are_in_the_first_generation(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    given = drawn(fbnet, 17)
    result = run_search(replace(FBNET, start_genomes=tuple(given)), fbnet_resources)
    assert set(given) <= set(map(tuple, result.genomes[:20].tolist()))


def test_more_given_genomes_than_fit_are_left_out(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    spec = replace(FBNET, start_genomes=tuple(drawn(fbnet, 50)), generations=1)
    assert len(run_search(spec, fbnet_resources).genomes) == 20


def test_a_search_goes_on_where_another_ended(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    first = run_search(replace(FBNET, generations=30), resources)
    front = tuple(best_spread(FBNET, resources, [item.genome for item in first.front], 17))
    cold, warm = (run_search(replace(FBNET, seed=9, start_genomes=start), resources) for start in ((), front))
    assert warm.hypervolume[0] > cold.hypervolume[-1]


def test_the_same_start_gives_the_same_front(fbnet: ChainSpace) -> None:
    spec = replace(FBNET, start_genomes=tuple(drawn(fbnet, 5)))
    first, second = (run_search(spec, fake_resources(fbnet)) for _ in range(2))
    assert first.front == second.front
    assert first.genomes.tobytes() == second.genomes.tobytes()


@pytest.mark.parametrize(
    ("genome", "field"),
    [
        ((0,) * 12, ("start_genomes", "1")),
        ((9,) + (0,) * 12, ("start_genomes", "1", "0")),
        ((), ("start_genomes", "1")),
    ],
    ids=["short", "out of range", "empty"],
)
def test_a_genome_that_is_not_of_the_space_is_refused(genome, field, fbnet_resources: SearchResources) -> None:
    with pytest.raises(ChoiceError, match="Start genome 1") as caught:
        check_spec(replace(FBNET, start_genomes=((0,) * 13, genome)), fbnet_resources)
    assert caught.value.field == field


def test_all_stay_where_there_is_room(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    genomes = drawn(fbnet, 12)
    assert best_spread(FBNET, fbnet_resources, genomes, 12) == genomes


@pytest.mark.parametrize("most", [0, -3])
def test_without_room_none_stay(most: int, fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    assert best_spread(FBNET, fbnet_resources, drawn(fbnet, 3), most) == []
    assert best_spread(FBNET, fbnet_resources, [], 5) == []


def test_the_ends_of_a_front_stay_and_no_two_neighbours(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    front = [item.genome for item in run_search(replace(FBNET, generations=30), resources).front]
    chosen = best_spread(FBNET, resources, front, 12)
    assert len(set(chosen)) == 12
    every, kept = values_of(resources, front), values_of(resources, chosen)
    assert kept.min(axis=0) == pytest.approx(every.min(axis=0))
    # Errors lie further apart than the same number drawn at random.
    spread = np.diff(np.sort(kept[:, 0])).min()
    at_random = [np.diff(np.sort(np.random.default_rng(seed).choice(every[:, 0], 12))).min() for seed in range(20)]
    assert spread > np.median(at_random)


def test_dominated_genomes_go_first(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    front = [item.genome for item in run_search(FBNET, resources).front][:10]
    chosen = best_spread(FBNET, resources, [*drawn(fbnet, 100), *front], 30)
    assert set(front) <= set(chosen)


def test_genomes_that_break_the_limits_go_first(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    limit = Limit("latency_ms", "board", None, 15.0)
    genomes = drawn(fbnet, 60)
    inside = values_of(resources, genomes)[:, 1] <= 15.0
    chosen = best_spread(replace(FBNET, limits=(limit,)), resources, genomes, int(inside.sum()))
    assert set(chosen) == {genome for genome, kept in zip(genomes, inside, strict=True) if kept}


def test_a_strange_genome_is_refused(fbnet_resources: SearchResources) -> None:
    with pytest.raises(GenomeError):
        best_spread(FBNET, fbnet_resources, [(0, 1)], 5)


@pytest.mark.parametrize(
    ("population", "limits", "room"), [(20, (), 17), (20, TIGHT, 13), (2, (), 1), (7, TIGHT, 1), (8, TIGHT, 1)]
)
def test_the_ends_of_the_front_keep_their_room(population: int, limits: tuple[Limit, ...], room: int) -> None:
    assert start_room(replace(FBNET, population=population, limits=limits)) == room


def test_tight_limits_are_kept_from_the_first_generation_on(fbnet: ChainSpace) -> None:
    """Of 200,000 random genomes three keep them."""
    resources = fake_resources(fbnet)
    result = run_search(replace(FBNET, limits=TIGHT, generations=10), resources)
    assert result.hypervolume[0] > 0
    assert result.feasible[:20].any()
    assert result.feasible[-60:].mean() > 0.15
    assert all(item.params <= 1_100_000 and item.latency_ms["board"].expected <= 8.0 for item in result.front)


def test_a_spec_with_wrong_stops_is_refused(fbnet_resources: SearchResources) -> None:
    wrong = replace(FBNET.stop, candidates=0, seconds=0.0, stagnation_generations=10_001)
    with pytest.raises(SpecError) as caught:
        check_spec(replace(FBNET, stop=wrong), fbnet_resources)
    assert [fault.field for fault in caught.value.faults] == [
        ("stop", name) for name in ("candidates", "seconds", "stagnation_generations")
    ]
