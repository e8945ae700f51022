"""Networks evaluated on images: each once, found again by later searches, shared by searches at the same time."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import (
    Evaluation,
    LabelledImages,
    SearchCancelled,
    Space,
    evaluate_onnx,
    export_onnx,
    load_space,
    random_genomes,
    read_artefact,
)
from service.catalogue import Supernet
from service.jobs import verification as module
from service.jobs.verification import ImageErrors, Subnets, drawn_images
from service.jobs.verified import agreement
from service.storage.database import open_database
from service.storage.evaluation_cache import CachePlace, EvaluationCache, open_cache
from service.storage.evaluation_repository import EvaluationKey
from tests.service_world import SPACE, write_supernet
from tests.unit.search.fakes import FakePredictor

KEY = EvaluationKey("a" * 64, "b" * 64, "c" * 64)
IMAGES = LabelledImages(
    np.random.default_rng(4).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8), np.arange(40, dtype=np.int64) % 10
)


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space(SPACE)


@pytest.fixture
def place(tmp_path: Path) -> CachePlace:
    url = f"sqlite:///{tmp_path / 'lutnas.sqlite3'}"
    open_database(url).close()
    return CachePlace(url, str(tmp_path / "evaluating.lock"))


@pytest.fixture
def cache(place: CachePlace) -> Iterator[EvaluationCache]:
    with open_cache(place, KEY, len(IMAGES)) as opened:
        yield opened


class Bench:
    """Stands for a supernet: a network is its genome as text, its error follows from its genes, calls are counted."""

    def __init__(self, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[tuple[int, ...]] = Counter()
        self.during: Callable[[], None] = lambda: None
        supernet = Supernet({}, "sha", FakePredictor(space), (), lambda made, _: json.dumps(made.genome).encode())
        self.subnets = Subnets(space, supernet, IMAGES)
        monkeypatch.setattr(module, "evaluate_onnx", self.evaluate)

    def evaluate(self, model: bytes, *_: object, on_batch: Callable[[], None]) -> Evaluation:
        genome = tuple(json.loads(model))
        self.calls[genome] += 1
        self.during()
        on_batch()
        return self.truth(genome)

    @staticmethod
    def truth(genome: tuple[int, ...]) -> Evaluation:
        return Evaluation(0.5 - 0.01 * sum(genome), 1.5 - 0.02 * sum(genome))

    def errors(self, cache: EvaluationCache, on_step: Callable = lambda *_: None, budget: int = 10) -> ImageErrors:
        return ImageErrors(self.subnets, cache, budget, on_step)


@pytest.fixture
def bench(space: Space, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(space, monkeypatch)


@pytest.fixture(scope="module")
def genomes(space: Space) -> np.ndarray:
    return np.unique(random_genomes(space, 6, np.random.default_rng(1)), axis=0)


def expected(genomes: np.ndarray) -> list[float]:
    return [Bench.truth(tuple(genome)).error for genome in genomes.tolist()]


def test_the_answer_is_in_the_order_asked_for(bench: Bench, cache: EvaluationCache, genomes: np.ndarray) -> None:
    asked = genomes[[2, 0, 1, 0]]
    measured = bench.errors(cache).measure(asked)
    assert measured.error.tolist() == expected(asked)
    assert measured.cross_entropy.tolist() == [Bench.truth(tuple(genome)).cross_entropy for genome in asked.tolist()]
    assert set(bench.calls.values()) == {1}


def test_nothing_is_evaluated_twice_within_a_search(bench: Bench, cache: EvaluationCache, genomes: np.ndarray) -> None:
    errors = bench.errors(cache)
    for part in (genomes[:3], genomes, genomes):
        assert errors.measure(part).error.tolist() == expected(part)
    assert set(bench.calls.values()) == {1}
    assert (len(errors.found), errors.from_cache) == (len(genomes), 0)


def test_nothing_is_evaluated_again_by_a_later_search(
    bench: Bench, cache: EvaluationCache, place: CachePlace, genomes: np.ndarray
) -> None:
    cold = bench.errors(cache).measure(genomes)
    with open_cache(place, KEY, len(IMAGES)) as later:
        errors = bench.errors(later)
        warm = errors.measure(genomes)
    assert (warm.error.tolist(), warm.cross_entropy.tolist()) == (cold.error.tolist(), cold.cross_entropy.tolist())
    assert errors.from_cache == len(genomes)
    assert set(bench.calls.values()) == {1}


def test_two_searches_at_the_same_time_share_the_work(
    bench: Bench, place: CachePlace, genomes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in a thread; a claim is between processes, so that a lock between threads stands in for the file's."""
    claims = Claims()
    monkeypatch.setattr(EvaluationCache, "claim", claims.claim)
    monkeypatch.setattr(module, "_PAUSE_S", 0.001)
    bench.during = lambda: time.sleep(0.01)
    answers: list[tuple[list[float], int]] = []

    def search() -> None:
        with open_cache(place, KEY, len(IMAGES)) as cache:
            errors = bench.errors(cache)
            answers.append((errors.measure(genomes).error.tolist(), errors.from_cache))

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [errors for errors, _ in answers] == [expected(genomes)] * 2
    assert sum(bench.calls.values()) == len(genomes)
    assert sum(from_cache for _, from_cache in answers) == len(genomes)


class Claims:
    def __init__(self) -> None:
        self._held: set[tuple[int, ...]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def claim(self, genome: tuple[int, ...]) -> Iterator[bool]:
        with self._lock:
            mine = genome not in self._held
            self._held.add(genome)
        yield mine
        if mine:
            with self._lock:
                self._held.remove(genome)


def test_a_genome_that_another_search_is_busy_with_comes_last(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, tries = tuple(genomes[0].tolist()), itertools.count()

    @contextmanager
    def claim(_: EvaluationCache, genome: tuple[int, ...]) -> Iterator[bool]:
        yield genome != busy or next(tries) >= 2

    monkeypatch.setattr(EvaluationCache, "claim", claim)
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    assert bench.errors(cache).measure(genomes).error.tolist() == expected(genomes)
    assert list(bench.calls)[-1] == busy


def test_a_search_that_waits_for_another_can_be_cancelled(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def taken(*_: object) -> Iterator[bool]:
        yield False

    monkeypatch.setattr(EvaluationCache, "claim", taken)
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    steps = itertools.count()

    def step(*_: object) -> None:
        if next(steps) > 5:
            raise SearchCancelled

    with pytest.raises(SearchCancelled):
        bench.errors(cache, step).measure(genomes)


def test_a_cancelled_search_keeps_what_it_has_evaluated(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray
) -> None:
    def step(done: int, *_: object) -> None:
        if done == 2:
            raise SearchCancelled

    with pytest.raises(SearchCancelled):
        bench.errors(cache, step).measure(genomes)
    assert len(cache.find([tuple(genome) for genome in genomes.tolist()])) == 2
    with cache.claim(tuple(genomes[2].tolist())) as mine:
        assert mine, "no claim is left"


def test_progress_counts_evaluations_and_tells_the_time_left(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray
) -> None:
    """Four seconds for each evaluation, of which a budget of ten takes forty, and ten for each choice of two."""
    now, told = [100.0], []
    bench.during = lambda: now.__setitem__(0, now[0] + 4.0)
    errors = ImageErrors(bench.subnets, cache, 10, lambda *step: told.append(step), lambda: now[0])
    errors.measure(genomes[:2])
    assert told[0] == (0, 10, None)
    assert told[-1] == (2, 10, 8 * 4.0)
    now[0] += 10.0
    errors.measure(genomes[2:4])
    assert told[-1] == (4, 10, 6 * (4.0 + 10.0 / 4))


def test_what_was_found_in_the_cache_tells_nothing_about_the_time(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray
) -> None:
    bench.errors(cache).measure(genomes)
    told: list[tuple] = []
    bench.errors(cache, lambda *step: told.append(step)).measure(genomes)
    assert told == [(len(genomes), 10, None)]


def test_a_network_that_computes_no_numbers_has_no_error(
    bench: Bench, cache: EvaluationCache, genomes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "evaluate_onnx", lambda *_, on_batch: Evaluation(0.9, float("nan")))
    assert np.isnan(bench.errors(cache).measure(genomes).error).all()
    assert cache.find([tuple(genome) for genome in genomes.tolist()]) == {}


def test_the_error_is_that_of_the_file_that_is_downloaded(tmp_path: Path, space: Space, cache: EvaluationCache) -> None:
    artefact = read_artefact(write_supernet(tmp_path) / SPACE, space)
    supernet = Supernet(
        {}, artefact.sha256, FakePredictor(space), (), lambda made, meta: export_onnx(artefact, made, meta)
    )
    measured = ImageErrors(Subnets(space, supernet, IMAGES), cache, 2, lambda *_: None).measure(
        np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    )
    for row, genome in enumerate([(0, 0, 0, 0), (1, 1, 1, 1)]):
        file = export_onnx(artefact, space.architecture(genome), {"expected_error": "0.1"})
        alone = evaluate_onnx(file, IMAGES.images, IMAGES.labels)
        assert (measured.error[row], measured.cross_entropy[row]) == (alone.error, alone.cross_entropy)


def test_the_same_images_are_drawn_each_time_and_from_all_classes() -> None:
    sorted_images = LabelledImages(np.zeros((1000, 1, 1, 1), np.uint8), np.repeat(np.arange(10), 100))
    sorted_images.images[:, 0, 0, 0] = np.arange(1000) % 251
    first, again = drawn_images(sorted_images, 200), drawn_images(sorted_images, 200)
    assert first.sha256 == again.sha256
    assert len(first) == 200
    assert set(first.labels.tolist()) == set(range(10))
    assert np.bincount(first.labels).max() < 40


@pytest.mark.parametrize("most", [40, 41, 10**6])
def test_all_images_are_taken_where_there_are_no_more(most: int) -> None:
    assert drawn_images(IMAGES, most).sha256 == IMAGES.sha256


def test_more_images_hold_the_fewer() -> None:
    def names(most: int) -> set[bytes]:
        return {image.tobytes() for image in drawn_images(IMAGES, most).images}

    assert names(10) < names(20)


def found(space: Space, genomes: np.ndarray, off: float) -> Mapping[tuple[int, ...], Evaluation]:
    predicted = FakePredictor(space).mean(genomes)
    pairs = zip(genomes.tolist(), predicted.tolist(), strict=True)
    return {tuple(genome): Evaluation(error + off, 1.0) for genome, error in pairs}


@pytest.mark.parametrize(("off", "coverage"), [(0.0, 1.0), (0.009, 1.0), (0.011, 0.0), (-0.011, 0.0)])
def test_agreement_with_what_was_expected(space: Space, genomes: np.ndarray, off: float, coverage: float) -> None:
    """The fake's intervals reach 0.01 either way."""
    figures = agreement(FakePredictor(space), found(space, genomes, off))
    assert figures.mean_difference == pytest.approx(off)
    assert figures.coverage_90 == coverage
    assert figures.kendall_tau == pytest.approx(1.0)


def test_agreement_does_not_depend_on_the_order_of_evaluation(space: Space, genomes: np.ndarray) -> None:
    evaluations = {key: replace(value, error=0.1 * sum(key)) for key, value in found(space, genomes, 0.0).items()}
    backwards = dict(reversed(evaluations.items()))
    assert agreement(FakePredictor(space), evaluations) == agreement(FakePredictor(space), backwards)


def test_one_network_has_no_rank(space: Space, genomes: np.ndarray) -> None:
    assert agreement(FakePredictor(space), found(space, genomes[:1], 0.0)).kendall_tau is None


def test_the_summary_can_be_written_as_json(bench: Bench, cache: EvaluationCache, genomes: np.ndarray) -> None:
    errors = bench.errors(cache)
    errors.measure(genomes)
    told = errors.verified((), FakePredictor(bench.subnets.space))
    summary = json.loads(json.dumps(told.summary, allow_nan=False))
    assert (summary["evaluations"], summary["from_cache"], summary["images"]) == (len(genomes), 0, len(IMAGES))
    assert summary["images_sha256"] == IMAGES.sha256
    assert set(summary["agreement"]) == {"kendall_tau", "mean_difference", "coverage_90"}
    assert told.by_network == {}
