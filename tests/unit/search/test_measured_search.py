"""`run_search` with candidates that are measured: within the number of evaluations, by measured error, repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search import (
    ChainSpace,
    ChoiceError,
    GenerationReport,
    Genomes,
    Limit,
    Measured,
    NoFeasibleCandidateError,
    NonFiniteObjectiveError,
    SearchCancelled,
    SearchResources,
    SearchSizeError,
    SearchSpec,
    Space,
    check_spec,
    run_search,
)
from search.objectives.columns import objective_columns
from search.objectives.objective import make_objectives
from tests.unit.search.fakes import FakePredictor, all_genomes, brute_force_front, fake_resources

TINY = SearchSpec("tiny-cifar10", ("board",), population=24, generations=30, evaluations=40)
FBNET = SearchSpec("fbnet-cifar10", ("board",), population=24, generations=10, evaluations=30)


class FakeMeasure:
    """Measures what the predictor says, shifted, scaled and with an effect of the first gene that it does not know."""

    def __init__(self, space: Space, broken: int | None = None) -> None:
        self.predictor = FakePredictor(space)
        self.asked: list[Genomes] = []
        self.broken = broken

    def measure(self, genomes: Genomes) -> Measured:
        self.asked.append(genomes)
        error = self.truth(genomes)
        if self.broken is not None and sum(map(len, self.asked)) > self.broken:
            error = np.full(len(genomes), np.nan)
        return Measured(error, 2 * error)

    def truth(self, genomes: Genomes) -> np.ndarray:
        return 0.1 + 0.8 * self.predictor.mean(genomes) + 0.02 * (genomes[:, 0] % 2)


def resources_of(space: Space, **changes: object) -> SearchResources:
    return fake_resources(space, measure=FakeMeasure(space), **changes)


def test_the_true_front_of_a_small_space_is_found_with_half_its_evaluations(tiny: ChainSpace) -> None:
    resources = resources_of(tiny)
    result = run_search(TINY, resources)
    genomes = all_genomes(tiny)
    latency = make_objectives(resources, objective_columns(TINY)[1:]).values()
    values = np.column_stack([FakeMeasure(tiny).truth(genomes), *(made.values(genomes) for made in latency)])
    expected = set(map(tuple, genomes[brute_force_front(values)].tolist()))
    assert {item.genome for item in result.front} == expected
    assert len(result.genomes) == 40


def test_the_front_rests_on_measured_errors_and_keeps_the_predicted_beside(tiny: ChainSpace) -> None:
    resources = resources_of(tiny)
    result = run_search(TINY, resources)
    genomes = np.array([item.genome for item in result.front])
    np.testing.assert_allclose([item.verified_error for item in result.front], FakeMeasure(tiny).truth(genomes))
    np.testing.assert_allclose([item.error for item in result.front], FakePredictor(tiny).mean(genomes))
    np.testing.assert_allclose(result.values[:, 0], FakeMeasure(tiny).truth(result.genomes))


def test_without_evaluations_nothing_is_measured(tiny: ChainSpace) -> None:
    resources = resources_of(tiny)
    result = run_search(replace(TINY, evaluations=None), resources)
    assert resources.measure.asked == []
    assert {item.verified_error for item in result.front} == {None}


@pytest.mark.parametrize("evaluations", [1, 2, 7, 11, 30, 100])
def test_no_more_is_measured_than_allowed_and_nothing_twice(evaluations: int, fbnet: ChainSpace) -> None:
    resources = resources_of(fbnet)
    reports: list[GenerationReport] = []
    result = run_search(replace(FBNET, evaluations=evaluations), resources, reports.append)
    measured = np.concatenate(resources.measure.asked)
    assert len(measured) == len(np.unique(measured, axis=0)) == len(result.genomes) == evaluations
    assert [report.evaluations for report in reports] == np.cumsum(
        [len(part) for part in resources.measure.asked]
    ).tolist()
    assert {report.generations_total for report in reports} == {len(reports)}
    assert len(result.hypervolume) == len(reports)
    assert (np.diff(result.hypervolume) >= 0).all()


def test_a_small_space_is_measured_to_its_last_architecture(tiny: ChainSpace) -> None:
    result = run_search(replace(TINY, evaluations=300), resources_of(tiny))
    assert len(result.genomes) == 81


def test_the_same_seed_measures_the_same(fbnet: ChainSpace) -> None:
    first, second = (run_search(FBNET, resources_of(fbnet)) for _ in range(2))
    assert first.front == second.front
    assert first.genomes.tobytes() == second.genomes.tobytes()
    other = run_search(replace(FBNET, seed=1), resources_of(fbnet))
    assert other.genomes.tobytes() != first.genomes.tobytes()


def test_known_limits_are_kept_before_measuring_and_limits_on_the_error_after(fbnet: ChainSpace) -> None:
    limits = (Limit("macs", None, None, 30e6), Limit("error", None, None, 0.37))
    result = run_search(replace(FBNET, limits=limits), resources_of(fbnet))
    macs = fbnet.tabulate(lambda block: block.macs).total(result.genomes)
    assert macs.max() <= 30e6
    assert max(item.verified_error for item in result.front) <= 0.37
    np.testing.assert_array_equal(result.feasible, result.values[:, 0] <= 0.37)


@pytest.mark.parametrize(
    "objectives", [("error",), ("error", "macs", "params"), ("macs", "latency_ms", "params", "error")]
)
def test_one_to_four_objectives(objectives: tuple[str, ...], tiny: ChainSpace) -> None:
    result = run_search(replace(TINY, objectives=objectives, evaluations=25), resources_of(tiny))
    place = result.columns.index("error")
    np.testing.assert_allclose(result.values[:, place], FakeMeasure(tiny).truth(result.genomes))
    assert len(result.genomes) == 25
    if objectives == ("error",):
        assert result.front[0].verified_error == FakeMeasure(tiny).truth(all_genomes(tiny)).min()


def test_impossible_limits_on_the_error_say_what_came_closest(tiny: ChainSpace) -> None:
    limits = (Limit("error", None, None, 0.1),)
    with pytest.raises(NoFeasibleCandidateError, match="error = 0"):
        run_search(replace(TINY, limits=limits), resources_of(tiny))


def test_measurements_that_fail_end_the_search(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet, measure=FakeMeasure(fbnet, broken=20))
    with pytest.raises(NonFiniteObjectiveError, match="error"):
        run_search(FBNET, resources)


def test_what_the_caller_raises_stops_the_search(tiny: ChainSpace) -> None:
    resources = resources_of(tiny)

    def stop(report: GenerationReport) -> None:
        raise SearchCancelled

    with pytest.raises(SearchCancelled):
        run_search(TINY, resources, stop)
    assert len(resources.measure.asked) == 1


@pytest.mark.parametrize("evaluations", [0, -1, 2001])
def test_evaluations_out_of_range_are_refused(evaluations: int, tiny: ChainSpace) -> None:
    with pytest.raises(SearchSizeError, match="from 1 to 2000"):
        check_spec(replace(TINY, evaluations=evaluations), resources_of(tiny))


def test_measuring_needs_a_measure_and_the_error_among_the_objectives(tiny: ChainSpace) -> None:
    with pytest.raises(ChoiceError) as caught:
        check_spec(replace(TINY, objectives=("macs",)), fake_resources(tiny))
    assert {fault.field for fault in caught.value.faults} == {("objectives",), ("evaluations",)}
    assert any("Nothing is there to measure" in str(fault) for fault in caught.value.faults)
