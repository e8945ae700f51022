"""The error predictor on a made-up truth over the real space: effects of genes, of size, of neighbours, and noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from search import ChainSpace, ErrorPredictor, GenomeError, PredictorError, random_genomes
from search.space.base import one_hot

IMAGES = 5000
TRAINED, HELD_OUT = 450, 800


def true_error(space: ChainSpace, genomes: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(42)
    size = np.log(space.tabulate(lambda block: block.macs).total(genomes))
    error = 0.24 - 0.035 * (size - size.mean()) / size.std()
    error = error + one_hot(space, genomes) @ rng.normal(0, 0.012, int(space.n_choices.sum()))
    for gene in range(genomes.shape[1] - 1):
        error = error + rng.normal(0, 0.002, (9, 9))[genomes[:, gene], genomes[:, gene + 1]]
    return np.clip(error, 0.03, 0.9)


@pytest.fixture(scope="module")
def genomes(fbnet: ChainSpace) -> np.ndarray:
    return random_genomes(fbnet, TRAINED + HELD_OUT, np.random.default_rng(7))


@pytest.fixture(scope="module")
def truth(fbnet: ChainSpace, genomes: np.ndarray) -> np.ndarray:
    return true_error(fbnet, genomes)


@pytest.fixture(scope="module")
def measured(truth: np.ndarray) -> np.ndarray:
    """As an evaluation on 5,000 images would see it."""
    return np.random.default_rng(8).binomial(IMAGES, truth) / IMAGES


@pytest.fixture(scope="module")
def predictor(fbnet: ChainSpace, genomes: np.ndarray, measured: np.ndarray) -> ErrorPredictor:
    return ErrorPredictor.fit(fbnet, genomes[:TRAINED], measured[:TRAINED])


def test_it_ranks_far_better_than_macs(
    fbnet: ChainSpace, predictor: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray
) -> None:
    held_out = genomes[TRAINED:]
    macs = fbnet.tabulate(lambda block: block.macs).total(held_out)
    tau = kendalltau(predictor.mean(held_out), truth[TRAINED:]).statistic
    assert tau > 0.8
    assert tau > kendalltau(-macs, truth[TRAINED:]).statistic + 0.1


def test_its_interval_covers_about_90_percent(
    predictor: ErrorPredictor, genomes: np.ndarray, measured: np.ndarray
) -> None:
    prediction = predictor.predict(genomes[TRAINED:])
    covered = (prediction.low <= measured[TRAINED:]) & (measured[TRAINED:] <= prediction.high)
    assert 0.85 <= covered.mean() <= 0.95


def test_the_mean_lies_inside_and_everything_is_a_fraction(predictor: ErrorPredictor, genomes: np.ndarray) -> None:
    prediction = predictor.predict(genomes)
    assert (prediction.low > 0).all()
    assert (prediction.low < prediction.mean).all()
    assert (prediction.mean < prediction.high).all()
    assert (prediction.high < 1).all()


def test_the_cheap_mean_is_the_mean(predictor: ErrorPredictor, genomes: np.ndarray) -> None:
    assert predictor.mean(genomes).tolist() == predictor.predict(genomes).mean.tolist()


def test_large_batches_are_cut_into_chunks(predictor: ErrorPredictor, genomes: np.ndarray) -> None:
    many = np.tile(genomes[:1000], (5, 1))
    assert predictor.mean(many) == pytest.approx(np.tile(predictor.mean(genomes[:1000]), 5), abs=1e-12)


def test_the_order_of_candidates_does_not_matter(predictor: ErrorPredictor, genomes: np.ndarray) -> None:
    assert predictor.mean(genomes[:50][::-1]) == pytest.approx(predictor.mean(genomes[:50])[::-1], abs=1e-12)


def test_no_genomes_have_no_prediction(predictor: ErrorPredictor) -> None:
    prediction = predictor.predict(np.empty((0, 13), dtype=np.int64))
    assert prediction.mean.shape == prediction.low.shape == prediction.high.shape == (0,)


def test_the_same_evaluations_give_the_same_predictor(tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 60, np.random.default_rng(0))
    errors = np.random.default_rng(1).uniform(0.2, 0.5, 60)
    first, second = (ErrorPredictor.fit(tiny, genomes, errors).mean(genomes) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_hyperparameters_of_an_earlier_fit_give_its_predictor_back(tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 60, np.random.default_rng(0))
    errors = np.random.default_rng(1).uniform(0.2, 0.5, 60)
    first = ErrorPredictor.fit(tiny, genomes, errors)
    again = ErrorPredictor.fit(tiny, genomes, errors, hyperparameters=first.hyperparameters)
    assert again.mean(genomes) == pytest.approx(first.mean(genomes), abs=1e-12)
    assert again.predict(genomes).high == pytest.approx(first.predict(genomes).high, abs=1e-12)


def test_equal_errors_are_predicted_as_they_are(tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 30, np.random.default_rng(0))
    prediction = ErrorPredictor.fit(tiny, genomes, np.full(30, 0.25)).predict(genomes)
    assert prediction.mean == pytest.approx(np.full(30, 0.25), abs=1e-3)


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_an_error_of_none_or_all_is_fine(extreme: float, tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 30, np.random.default_rng(0))
    errors = np.where(np.arange(30) == 4, extreme, 0.5)
    assert np.isfinite(ErrorPredictor.fit(tiny, genomes, errors).mean(genomes)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda errors: errors[:-1], "30 genomes need 30 errors"),
        (lambda errors: errors[:, None], "30 genomes need 30 errors"),
        (lambda errors: np.where(np.arange(30) == 7, np.nan, errors), "evaluation 7 has error nan"),
        (lambda errors: np.where(np.arange(30) == 7, np.inf, errors), "evaluation 7 has error inf"),
        (lambda errors: np.where(np.arange(30) == 7, -0.1, errors), "evaluation 7 has error -0.1"),
        (lambda errors: 100 * errors, "evaluation 0 has error 30"),
    ],
)
def test_evaluations_that_make_no_sense_are_refused(change, words: str, tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 30, np.random.default_rng(0))
    with pytest.raises(PredictorError, match=words):
        ErrorPredictor.fit(tiny, genomes, change(np.full(30, 0.3)))


def test_too_few_evaluations_are_refused(tiny: ChainSpace) -> None:
    with pytest.raises(PredictorError, match="evaluate at least 10"):
        ErrorPredictor.fit(tiny, np.zeros((9, 4), dtype=np.int64), np.full(9, 0.3))


def test_genomes_of_another_space_are_refused(tiny: ChainSpace, genomes: np.ndarray) -> None:
    with pytest.raises(GenomeError, match="4 integers"):
        ErrorPredictor.fit(tiny, genomes[:30], np.full(30, 0.3))
