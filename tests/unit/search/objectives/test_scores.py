"""Scores of given genomes."""

from __future__ import annotations

import numpy as np
import pytest

from search import ChainSpace, GenomeError, SearchResources, random_genomes, score
from tests.unit.search.fakes import FakeTable, fake_resources


def test_scores_are_the_architectures_own(fbnet: ChainSpace, fbnet_resources: SearchResources) -> None:
    genomes = random_genomes(fbnet, 20, np.random.default_rng(0))
    scores = score(fbnet_resources, genomes)
    made = [fbnet.architecture(genome) for genome in genomes]
    for name in ("macs", "params", "size_bytes", "peak_activation_bytes"):
        column = getattr(scores, name)
        assert column.dtype == np.int64
        assert column.tolist() == [getattr(architecture, name) for architecture in made]


def test_every_device_is_scored_unless_some_are_named(tiny_resources: SearchResources) -> None:
    assert list(score(tiny_resources, [[0, 0, 0, 0]]).latency_ms) == ["board", "phone"]
    assert list(score(tiny_resources, [[0, 0, 0, 0]], ("phone",)).latency_ms) == ["phone"]


def test_a_latency_has_its_tables_interval_and_kind(tiny_resources: SearchResources) -> None:
    scores = score(tiny_resources, [[0, 1, 2, 0]])
    board, phone = scores.latency_ms["board"][0], scores.latency_ms["phone"][0]
    assert (board.low, board.high) == pytest.approx((0.9 * board.expected, 1.1 * board.expected))
    assert board.kind == "measured"
    assert (phone.low, phone.high, phone.kind) == (None, None, "published")


def test_an_interval_wider_than_the_latency_stops_at_zero(tiny: ChainSpace) -> None:
    resources = fake_resources(tiny, tables={"board": FakeTable(interval=1.5)})
    assert score(resources, [[0, 0, 0, 0]]).latency_ms["board"][0].low == 0.0


def test_duplicates_are_scored_like_the_first(tiny_resources: SearchResources) -> None:
    scores = score(tiny_resources, [[0, 1, 2, 0], [1, 1, 1, 1], [0, 1, 2, 0]])
    assert scores.error.mean[0] == scores.error.mean[2] != scores.error.mean[1]
    assert scores.latency_ms["board"][0] == scores.latency_ms["board"][2]


def test_no_genomes_have_no_scores(tiny_resources: SearchResources) -> None:
    scores = score(tiny_resources, [])
    assert scores.genomes.shape == (0, 4)
    assert scores.error.mean.shape == (0,)
    assert scores.latency_ms == {"board": (), "phone": ()}


@pytest.mark.parametrize(
    ("genome", "reason"),
    [
        ([0, 0, 0], "4 integers"),
        ([0, 0, 0, 3], "from 0 to 2"),
        ([0, -1, 0, 0], "from 0 to 2"),
        ([0.5, 0, 0, 0], "integer"),
    ],
)
def test_a_wrong_genome_is_named(genome: list[float], reason: str, tiny_resources: SearchResources) -> None:
    with pytest.raises(GenomeError, match=reason) as caught:
        score(tiny_resources, [[0, 0, 0, 0], genome])
    assert caught.value.row == 1
