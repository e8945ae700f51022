"""Errors of many sub-networks along their common prefixes, against one network at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from search import load_space, random_genomes
from search.supernet.training.finish import evaluation_genomes
from search.supernet.training.loop import to_input
from search.supernet.training.walk import evaluate_subnets
from tests.unit.search.supernet.training.training_world import bright_images, randomised


def one_by_one(supernet, genomes, images):
    """Error and cross-entropy of each genome, computed from the start."""
    rows = []
    for genome in genomes:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            x = to_input(torch.from_numpy(images.images))
            logits = supernet(x, supernet.space.architecture(genome)).float()
        labels = torch.from_numpy(images.labels)
        wrong = (logits.argmax(1) != labels).float().mean().item()
        rows.append((wrong, functional.cross_entropy(logits, labels).item()))
    return np.array(rows).T


@pytest.fixture(scope="module")
def supernet():
    net = randomised(load_space("tiny-cifar10"))
    net.frozen_statistics = True
    return net


def test_a_walk_gives_what_each_network_gives_alone(supernet) -> None:
    genomes = random_genomes(supernet.space, 12, np.random.default_rng(0))
    images = bright_images(30, 5)
    found = evaluate_subnets(supernet, genomes, images)
    error, cross_entropy = one_by_one(supernet, genomes, images)
    np.testing.assert_array_equal(found.genomes, genomes)
    np.testing.assert_allclose(found.error, error, atol=1e-12)
    np.testing.assert_allclose(found.cross_entropy, cross_entropy, rtol=1e-5)
    assert len(set(found.cross_entropy.tolist())) > 1


def test_images_of_several_batches_count_alike(supernet, monkeypatch: pytest.MonkeyPatch) -> None:
    genomes = random_genomes(supernet.space, 3, np.random.default_rng(1))
    images = bright_images(25, 6)
    whole = evaluate_subnets(supernet, genomes, images)
    monkeypatch.setattr("search.supernet.training.walk._BATCH", 10)
    parts = evaluate_subnets(supernet, genomes, images)
    np.testing.assert_allclose(parts.error, whole.error, atol=0.05)
    np.testing.assert_allclose(parts.cross_entropy, whole.cross_entropy, rtol=0.02)


def test_progress_rises_to_one(supernet) -> None:
    seen: list[float] = []
    evaluate_subnets(supernet, np.zeros((2, 4), dtype=np.int64), bright_images(10, 7), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_small_space_is_evaluated_whole() -> None:
    genomes = evaluation_genomes(load_space("tiny-cifar10"), 500, 0)
    assert len(np.unique(genomes, axis=0)) == 81


def test_a_large_space_is_sampled_without_repeats() -> None:
    space = load_space("fbnet-cifar10")
    genomes = evaluation_genomes(space, 100, 3)
    assert len(np.unique(genomes, axis=0)) == 100
    np.testing.assert_array_equal(genomes, evaluation_genomes(space, 100, 3))
    assert not np.array_equal(genomes, evaluation_genomes(space, 100, 4))


@pytest.mark.parametrize("n", [76, 80])
def test_a_space_slightly_larger_than_the_sample_gives_all_that_is_asked(n: int) -> None:
    genomes = evaluation_genomes(load_space("tiny-cifar10"), n, 0)
    assert len(np.unique(genomes, axis=0)) == len(genomes) == n
