"""Figures of supernets: rank agreement, trivial scores, and a network alone as a space of one architecture."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.supernet_front import single_network, sizes_of
from benchmarks.supernet_ranking import SPACE, agreement, trivial_scores
from search import load_space
from search.space.load import load_named_space


def test_agreement_of_a_score_with_itself_is_one_and_with_its_opposite_minus_one() -> None:
    truth = np.random.default_rng(0).random(60)
    assert set(agreement(truth, truth).values()) == {1.0}
    assert set(agreement(-truth, truth).values()) == {-1.0}


def test_the_better_half_is_judged_by_itself() -> None:
    truth = np.arange(40, dtype=np.float64)
    score = np.concatenate([truth[:20][::-1], truth[20:]])
    found = agreement(score, truth)
    assert found["kendall_tau_better_half"] == -1.0
    assert 0 < found["kendall_tau"] < 1


def test_the_macro_space_is_the_published_one() -> None:
    space = load_named_space(str(SPACE))
    assert space.n_choices.tolist() == [3] * 8
    assert space.architecture((0,) * 8).macs == 7_713_280
    assert space.architecture((2,) * 8).macs == 105_660_928


def test_trivial_scores_say_that_larger_and_deeper_is_better() -> None:
    space = load_named_space(str(SPACE))
    scores = trivial_scores(space, np.array([[0] * 8, [0, 1] * 4, [2] * 8]))
    assert np.diff(scores["layers"]).tolist() == [-4.0, -4.0]
    assert (np.diff(scores["macs"]) < 0).all()


def test_a_space_of_one_network_holds_that_network() -> None:
    space = load_space("fbnet-cifar10")
    genome = space.n_choices - 1
    only = single_network(space, genome)
    alone, among = only.architecture((0,) * 13), space.architecture(tuple(genome.tolist()))
    assert only.n_choices.tolist() == [1] * 13
    assert alone.blocks == among.blocks


@pytest.mark.parametrize("n", [2, 6])
def test_networks_lie_evenly_over_the_sizes(n: int) -> None:
    space = load_space("fbnet-cifar10")
    macs = space.tabulate(lambda block: block.macs).total(sizes_of(space, n))
    assert len(macs) == n
    assert (np.diff(macs) > 0).all()
    assert macs[-1] > 1.5 * macs[0]
