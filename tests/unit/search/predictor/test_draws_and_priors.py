"""Functions drawn from the posterior, scores as a prior, and cross-entropies beside errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from search import ChainSpace, ErrorPredictor, GenomeError, PredictorError, random_genomes
from search.predictor.scores import fit_scores

LABELS = 40


@pytest.fixture(scope="module")
def genomes(fbnet: ChainSpace) -> np.ndarray:
    return random_genomes(fbnet, 700, np.random.default_rng(1))


@pytest.fixture(scope="module")
def truth(fbnet: ChainSpace, genomes: np.ndarray) -> np.ndarray:
    effects = np.random.default_rng(2).normal(0, 0.015, (13, int(fbnet.n_choices.max())))
    return 0.25 + effects[np.arange(13), genomes].sum(axis=1)


@pytest.fixture(scope="module")
def score(truth: np.ndarray) -> np.ndarray:
    """A cross-entropy that follows the error from afar."""
    return np.exp(4 * truth + np.random.default_rng(3).normal(0, 0.08, len(truth)))


@pytest.fixture(scope="module")
def plain(fbnet: ChainSpace, genomes: np.ndarray, truth: np.ndarray) -> ErrorPredictor:
    return ErrorPredictor.fit(fbnet, genomes[:LABELS], truth[:LABELS])


def tau(predictor: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray) -> float:
    return float(kendalltau(predictor.mean(genomes), truth).statistic)


def test_draws_vary_as_the_posterior_says(plain: ErrorPredictor, genomes: np.ndarray) -> None:
    asked = genomes[LABELS : LABELS + 60]
    drawn = plain.warp.forward(plain.sample(asked, 600, np.random.default_rng(0)))
    encoded = plain.encoding(asked)
    expected = np.sqrt(plain.posterior.deviation(encoded) ** 2 - plain.posterior.noise)
    assert drawn.mean(axis=0) == pytest.approx(plain.posterior.mean(encoded), abs=0.15)
    assert np.median(drawn.std(axis=0) / expected) == pytest.approx(1, abs=0.1)


def test_a_draw_is_one_function_wherever_it_is_asked(plain: ErrorPredictor, genomes: np.ndarray) -> None:
    together, apart = (plain.sample(rows, 3, np.random.default_rng(7)) for rows in (genomes, genomes[100:110]))
    assert together.shape == (3, 700)
    assert together[:, 100:110] == pytest.approx(apart, abs=1e-9)


def test_draws_keep_to_what_was_measured(plain: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray) -> None:
    drawn = plain.sample(genomes[:LABELS], 200, np.random.default_rng(0))
    assert np.abs(drawn.mean(axis=0) - truth[:LABELS]).mean() < 0.25 * truth.std()


def test_a_score_helps_where_labels_are_few(
    fbnet: ChainSpace, plain: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray, score: np.ndarray
) -> None:
    prior = fit_scores(fbnet, genomes, score)
    guided = ErrorPredictor.fit(fbnet, genomes[:LABELS], truth[:LABELS], prior=prior)
    assert tau(guided, genomes, truth) > tau(plain, genomes, truth) + 0.05
    assert tau(guided, genomes, truth) > abs(kendalltau(score, truth).statistic)


def test_a_score_that_says_nothing_does_little_harm(
    fbnet: ChainSpace, plain: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray
) -> None:
    noise = np.random.default_rng(5).normal(size=fbnet.n_choices.max() * 13 + 1)
    useless = ErrorPredictor.fit(
        fbnet, genomes[:LABELS], truth[:LABELS], prior=lambda rows: noise[(rows * 7).sum(axis=1) % len(noise)]
    )
    assert tau(useless, genomes, truth) > tau(plain, genomes, truth) - 0.06


def test_scores_of_some_networks_let_expect_those_of_others(
    fbnet: ChainSpace, genomes: np.ndarray, score: np.ndarray
) -> None:
    prior = fit_scores(fbnet, genomes[:300], score[:300])
    known = prior(genomes[:300])[:, 0]
    assert known == pytest.approx((np.log(score[:300]) - np.log(score[:300]).mean()) / np.log(score[:300]).std())
    others = prior(genomes[300:])
    assert others[:, 0].tolist() == others[:, 1].tolist()
    assert kendalltau(others[:, 1], score[300:]).statistic > 0.6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda score: score[:-1], "700 genomes and scores of shape"),
        (lambda score: np.where(np.arange(700) == 3, np.nan, score), "score 3 is nan"),
        (lambda score: np.where(np.arange(700) == 3, 0.0, score), "score 3 is 0.0"),
    ],
)
def test_scores_that_are_none_are_refused(
    change, words: str, fbnet: ChainSpace, genomes: np.ndarray, score: np.ndarray
) -> None:
    with pytest.raises(PredictorError, match=words):
        fit_scores(fbnet, genomes, change(score))


def test_scores_of_another_space_are_refused(tiny: ChainSpace, genomes: np.ndarray, score: np.ndarray) -> None:
    with pytest.raises(GenomeError):
        fit_scores(tiny, genomes, score)


def test_a_prior_that_is_not_finite_is_refused(fbnet: ChainSpace, genomes: np.ndarray, truth: np.ndarray) -> None:
    with pytest.raises(PredictorError, match="score that is not finite"):
        ErrorPredictor.fit(
            fbnet, genomes[:LABELS], truth[:LABELS], prior=lambda rows: np.where(rows[:, 0] == 0, np.nan, 1.0)
        )


def test_cross_entropy_ranks_better_than_few_images_alone(
    fbnet: ChainSpace, genomes: np.ndarray, truth: np.ndarray
) -> None:
    rng = np.random.default_rng(6)
    measured = rng.binomial(500, truth[:200]) / 500
    entropy = np.exp(4 * truth[:200] + rng.normal(0, 0.01, 200))
    alone = ErrorPredictor.fit(fbnet, genomes[:200], measured)
    both = ErrorPredictor.fit(fbnet, genomes[:200], measured, cross_entropy=entropy)
    assert tau(both, genomes[200:], truth[200:]) > tau(alone, genomes[200:], truth[200:]) + 0.03
    assert np.abs(both.mean(genomes[200:]) - truth[200:]).mean() < 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entropy: entropy[:-1], "40 genomes need 40 cross-entropies"),
        (lambda entropy: -entropy, "evaluation 0 has cross-entropy"),
        (lambda entropy: np.where(np.arange(40) == 5, np.inf, entropy), "evaluation 5 has cross-entropy inf"),
    ],
)
def test_cross_entropies_that_are_none_are_refused(
    change, words: str, fbnet: ChainSpace, genomes: np.ndarray, truth: np.ndarray
) -> None:
    with pytest.raises(PredictorError, match=words):
        ErrorPredictor.fit(fbnet, genomes[:40], truth[:40], cross_entropy=change(np.full(40, 0.7)))


def test_hyperparameters_of_another_kind_of_fit_are_passed_over(
    fbnet: ChainSpace, plain: ErrorPredictor, genomes: np.ndarray, truth: np.ndarray
) -> None:
    again = ErrorPredictor.fit(fbnet, genomes[:LABELS], truth[:LABELS], np.zeros(5))
    assert again.hyperparameters.tolist() == plain.hyperparameters.tolist()
