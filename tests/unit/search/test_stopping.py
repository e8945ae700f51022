"""Stop criteria: each ends a search by itself, the nearest one counts, and only the clock breaks repeatability."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from search import ChainSpace, NoFeasibleCandidateError, SearchResources, SearchSpec, Stop, StopReason, run_search
from search.spec import Limit
from search.stopping import Course, Stopping
from tests.unit.search.fakes import fake_resources

FBNET = SearchSpec("fbnet-cifar10", ("board", "phone"), population=20, generations=10)


def stopping(stop: Stop, rounds: int = 100, clock: object = None) -> Stopping:
    return Stopping(stop, rounds, StopReason.GENERATIONS, clock)  # type: ignore[arg-type]


def test_without_criteria_the_generations_end_a_search() -> None:
    criteria = stopping(Stop(), rounds=3)
    assert [criteria.reason([0.5] * made, 9 * made) for made in (1, 2, 3)] == [None, None, "generations"]
    assert criteria.fraction == 1.0
    assert criteria.room(9) is None


def test_the_last_generation_has_room_for_what_is_left() -> None:
    criteria = stopping(Stop(candidates=50))
    assert [criteria.room(evaluated) for evaluated in (0, 20, 49)] == [50, 30, 1]
    assert criteria.reason([0.1, 0.2], 49) is None
    assert criteria.fraction == pytest.approx(0.98)
    assert criteria.reason([0.1, 0.2, 0.3], 50) is StopReason.CANDIDATES


def test_seconds_count_from_the_start_by_the_clock_given() -> None:
    moments = iter([1000.0, 1004.0, 1010.0])
    criteria = stopping(Stop(seconds=10.0), clock=lambda: next(moments))
    assert criteria.reason([0.1], 1) is None
    assert criteria.fraction == pytest.approx(0.4)
    assert criteria.reason([0.1, 0.2], 2) is StopReason.SECONDS


def test_seconds_need_a_clock() -> None:
    with pytest.raises(ValueError, match="needs a clock"):
        stopping(Stop(seconds=1.0))


@pytest.mark.parametrize(
    ("hypervolume", "stagnant"),
    [
        ([0.5, 0.5, 0.5], False),
        ([0.5, 0.5, 0.5, 0.5], True),
        ([0.5, 0.5, 0.5, 0.50004], True),
        ([0.5, 0.5, 0.5, 0.5001], False),
        ([0.0, 0.0, 0.0, 0.0, 0.0], False),
        ([0.0, 0.5, 0.5, 0.5], False),
        ([0.1, 0.2, 0.5, 0.5], False),
    ],
    ids=["too early", "flat", "hardly rising", "rising", "nothing feasible", "just feasible", "risen"],
)
def test_stagnation_looks_back_so_many_generations(hypervolume: list[float], stagnant: bool) -> None:
    reason = stopping(Stop(stagnation_generations=3)).reason(hypervolume, 10)
    assert reason is (StopReason.STAGNATION if stagnant else None)


def test_of_several_criteria_the_nearest_ends_the_search() -> None:
    clock = itertools.count(0.0, 1.0)
    criteria = stopping(Stop(candidates=100, seconds=1.0), rounds=10, clock=lambda: next(clock))
    assert criteria.reason([0.1], 5) is StopReason.SECONDS


def test_a_course_keeps_the_last_hypervolume_while_the_front_stays() -> None:
    course = Course(stopping(Stop(), rounds=4))
    for evaluated, hypervolume in ((5, None), (9, 0.25), (12, None)):
        course.add(evaluated, hypervolume)
    assert (course.evaluations, course.hypervolume) == ([5, 9, 12], [0.0, 0.25, 0.25])
    assert course.stopped_by is None


def test_a_course_without_new_candidates_ends() -> None:
    course = Course(stopping(Stop()))
    course.add(5, 0.5)
    course.add(5, None)
    assert course.stopped_by is StopReason.SPACE_EXHAUSTED
    assert course.evaluations == [5]


def test_a_search_ends_after_so_many_candidates(fbnet_resources: SearchResources) -> None:
    result = run_search(replace(FBNET, stop=Stop(candidates=47)), fbnet_resources)
    assert result.evaluations == (20, 40, 47)
    assert len(result.genomes) == 47
    assert result.stopped_by is StopReason.CANDIDATES


def test_fewer_candidates_than_a_generation_are_enough(fbnet_resources: SearchResources) -> None:
    result = run_search(replace(FBNET, stop=Stop(candidates=1)), fbnet_resources)
    assert (len(result.front), result.evaluations) == (1, (1,))


def test_a_search_ends_when_its_seconds_are_over_and_makes_one_generation_at_least(fbnet: ChainSpace) -> None:
    clock = itertools.count(0.0, 4.0)
    spec = replace(FBNET, stop=Stop(seconds=10.0))
    result = run_search(spec, fake_resources(fbnet), clock=lambda: next(clock))
    assert (len(result.hypervolume), result.stopped_by) == (3, StopReason.SECONDS)
    late = itertools.count(0.0, 1e6)
    assert len(run_search(spec, fake_resources(fbnet), clock=lambda: next(late)).hypervolume) == 1


def test_a_search_that_its_seconds_did_not_end_is_repeatable(fbnet: ChainSpace) -> None:
    spec = replace(FBNET, stop=Stop(seconds=1e5))
    timed = run_search(spec, fake_resources(fbnet), clock=lambda: 0.0)
    assert timed.front == run_search(FBNET, fake_resources(fbnet)).front
    assert timed.stopped_by is StopReason.GENERATIONS


def test_a_search_ends_when_it_stagnates(fbnet_resources: SearchResources) -> None:
    spec = replace(FBNET, objectives=("macs",), devices=(), generations=50, stop=Stop(stagnation_generations=4))
    result = run_search(spec, fbnet_resources)
    # The first generation holds the smallest network, and nothing can follow.
    assert (len(result.hypervolume), result.stopped_by) == (5, StopReason.STAGNATION)


def test_a_search_without_criteria_says_that_its_generations_ended_it(fbnet_resources: SearchResources) -> None:
    result = run_search(FBNET, fbnet_resources)
    assert result.stopped_by is StopReason.GENERATIONS
    assert result.evaluations == tuple(range(20, 201, 20))


def test_a_space_that_is_used_up_says_so(tiny_resources: SearchResources) -> None:
    result = run_search(SearchSpec("tiny-cifar10", ("board",), population=30), tiny_resources)
    assert result.stopped_by is StopReason.SPACE_EXHAUSTED
    assert result.evaluations == (30, 60, 81)


def test_reports_tell_the_share_done(fbnet_resources: SearchResources) -> None:
    shares: list[float] = []
    run_search(replace(FBNET, stop=Stop(candidates=80)), fbnet_resources, lambda report: shares.append(report.fraction))
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_a_search_that_stops_early_without_a_feasible_candidate_says_what_came_closest(fbnet: ChainSpace) -> None:
    resources = fake_resources(fbnet)
    limits = (Limit("error", None, None, 0.06), Limit("latency_ms", "board", None, 6.0))
    with pytest.raises(NoFeasibleCandidateError, match="None of 40"):
        run_search(replace(FBNET, limits=limits, stop=Stop(candidates=40)), resources)
