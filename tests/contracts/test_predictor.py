"""What the engine asks of a predictor, on the real one and on the fake that the engine's tests use."""

from __future__ import annotations

import numpy as np
import pytest

from search import ChainSpace, ErrorPredictor, Predictor, load_space
from tests.unit.search.fakes import FakePredictor, all_genomes


def real_predictor(space: ChainSpace) -> ErrorPredictor:
    genomes = all_genomes(space)
    return ErrorPredictor.fit(space, genomes, FakePredictor(space).mean(genomes))


@pytest.fixture(scope="module", params=[real_predictor, FakePredictor], ids=["real", "fake"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return request.param(load_space("tiny-cifar10"))


@pytest.fixture(scope="module")
def genomes() -> np.ndarray:
    return all_genomes(load_space("tiny-cifar10"))


def test_errors_are_fractions_one_per_genome(predictor: Predictor, genomes: np.ndarray) -> None:
    mean = predictor.mean(genomes)
    assert mean.shape == (81,)
    assert mean.dtype == np.float64
    assert ((mean > 0) & (mean < 1)).all()


def test_the_interval_holds_the_mean(predictor: Predictor, genomes: np.ndarray) -> None:
    prediction = predictor.predict(genomes)
    assert prediction.mean == pytest.approx(predictor.mean(genomes))
    assert (prediction.low <= prediction.mean).all()
    assert (prediction.mean <= prediction.high).all()


def test_a_genome_has_one_error_whatever_stands_beside_it(predictor: Predictor, genomes: np.ndarray) -> None:
    alone = [predictor.mean(genomes[row : row + 1])[0] for row in (0, 40, 80)]
    assert predictor.mean(genomes)[[0, 40, 80]] == pytest.approx(alone, abs=1e-12)


def test_no_genomes_are_fine(predictor: Predictor) -> None:
    assert predictor.mean(np.empty((0, 4), dtype=np.int64)).shape == (0,)
    assert predictor.predict(np.empty((0, 4), dtype=np.int64)).low.shape == (0,)
