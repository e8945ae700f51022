"""The benchmark of a search's time: its figures on searches of a moment, and what it calls good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search_speed as benchmark
from benchmarks.pymoo_nsga2 import PymooNsga2
from search import ChainSpace, SearchSpec, load_space
from search.evolution.nsga2 import Nsga2
from tests.unit.search.fakes import fake_resources

SPEC = SearchSpec("fbnet-cifar10", ("board", "phone"), population=12, generations=4)


@pytest.fixture(scope="module")
def space() -> ChainSpace:
    return load_space("fbnet-cifar10")


def figures(seconds: float = 1.0, exponent: float = 1.0, ours: float = 0.75, pymoo: float = 0.75) -> dict:
    return {
        "whole": {"seconds": {"ours": seconds}},
        "growth_with_population": {"exponent": exponent, "n_log_n": 1.17},
        "hypervolume": {
            "mean": {"ours": ours, "pymoo": pymoo},
            "sd": {"ours": 0.001, "pymoo": 0.001},
            "seeds": [{}] * 4,
        },
    }


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"seconds": 2.01}, False),
        ({"exponent": 1.3}, False),
        ({"ours": 0.748}, False),
        ({"ours": 0.7495}, True),
        ({"ours": 0.8}, True),
    ],
)
def test_a_missed_figure_is_not_good(change: dict[str, float], good: bool) -> None:
    assert benchmark.is_good(figures(**change)) is good


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_is_that_of_a_power_law(power: float) -> None:
    sizes = [100, 400, 1600]
    assert benchmark.exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(power)


def test_growth_takes_the_least_of_the_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5.0, 1.0, 4.0, 8.0])
    monkeypatch.setattr(benchmark, "cpu_seconds", lambda _: next(times))
    grown = benchmark.growth({100: lambda: None, 400: lambda: None}, repeats=2)
    assert grown["seconds"] == {100: 1.0, 400: 4.0}
    assert grown["exponent"] == pytest.approx(1.0)
    assert 1.0 < grown["n_log_n"] < 1.3


@pytest.mark.parametrize("kind", [Nsga2, PymooNsga2])
def test_the_loop_finds_a_front_with_either_evolution(kind: type, space: ChainSpace) -> None:
    watch = benchmark.Stopwatch()
    front = benchmark.evolve(SPEC, fake_resources(space), kind, watch)
    assert len(front) > 3
    assert set(watch.seconds) == {"start", "mating", "evaluation", "survival", "front", "hypervolume"}


def test_the_loop_is_the_engines(space: ChainSpace) -> None:
    front = benchmark.evolve(SPEC, fake_resources(space), Nsga2, benchmark.Stopwatch())
    found = benchmark.run_search(SPEC, fake_resources(space)).front
    assert sorted(map(tuple, front.genomes.tolist())) == sorted(item.genome for item in found)


def test_pymoos_evolution_asks_for_nothing_twice() -> None:
    n_choices = np.array([3, 2, 4, 2])
    evolution = PymooNsga2(n_choices, 2, 20, np.random.default_rng(0), np.zeros((1, 4), dtype=np.int64))
    asked = []
    for _ in range(3):
        asked.append(evolution.ask())
        evolution.tell(np.column_stack([asked[-1].sum(axis=1), -asked[-1].sum(axis=1)]) * 1.0, np.zeros(len(asked[-1])))
    assert len(np.unique(np.concatenate(asked), axis=0)) == sum(map(len, asked)) == 48


def test_parts_are_those_of_one_search(space: ChainSpace) -> None:
    parts = benchmark.parts(fake_resources(space), SPEC)
    assert {"predictor", "mating", "survival", "front", "hypervolume", "front items", "tables and archive"} == set(
        parts
    )
    assert all(seconds >= 0 for seconds in parts.values())


@pytest.mark.parametrize("times", [1, 3])
def test_a_longer_space_has_more_genes(times: int, space: ChainSpace, tmp_path: Path) -> None:
    longer = benchmark.longer_space(times, tmp_path)
    assert len(longer.n_choices) >= times * len(space.n_choices) - times * 7
    assert (times == 1) == (len(longer.n_choices) == len(space.n_choices))
    resources = fake_resources(longer)
    spec = replace(SPEC, space=longer.name, generations=2)
    assert benchmark.run_search(spec, resources).front


def test_the_tiny_network_predicts_fractions(space: ChainSpace) -> None:
    errors = benchmark.TinyNetwork(space).mean(np.zeros((5, len(space.n_choices)), dtype=np.int64))
    assert errors.shape == (5,)
    assert ((errors > 0) & (errors < 1)).all()
