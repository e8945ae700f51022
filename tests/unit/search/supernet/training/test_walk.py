"""Errors of many sub-networks along their common prefixes, against one network at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from search import load_space, random_genomes
from search.supernet.training.finish import evaluation_genomes
from search.supernet.training.loop import largest, smallest, to_input
from search.supernet.training.statistics import measure_statistics
from search.supernet.training.walk import evaluate_subnets, recalibrate
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


def test_families_share_their_first_half_and_the_ends_are_there() -> None:
    space = load_space("fbnet-cifar10")
    genomes = evaluation_genomes(space, 400, 0)
    halves = np.unique(genomes[2:, : len(space.n_choices) // 2], axis=0)
    assert len(halves) <= 25
    assert genomes[:2].tolist() == [list(smallest(space).genome), list(largest(space).genome)]


def test_recalibrated_networks_have_the_statistics_of_their_own_activations() -> None:
    net = randomised(load_space("tiny-cifar10"), seed=3)
    genomes = random_genomes(net.space, 6, np.random.default_rng(2))
    images, calibration = bright_images(40, 8), to_input(torch.from_numpy(bright_images(50, 9).images))
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = evaluate_subnets(net, genomes, images, statistics=recalibrate(net, genomes, calibration))
    for row, genome in enumerate(genomes):
        net.load_state_dict(kept)
        measure_statistics(net, [(calibration, net.space.architecture(genome))])
        net.frozen_statistics = True
        error, cross_entropy = one_by_one(net, [genome], images)
        assert found.cross_entropy[row] == pytest.approx(cross_entropy[0], rel=0.02)
        assert abs(found.error[row] - error[0]) <= 0.051
    assert len(set(found.cross_entropy.tolist())) > 1


def test_recalibration_leaves_the_supernets_own_statistics_alone() -> None:
    net = randomised(load_space("tiny-cifar10"), seed=4)
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    genomes = random_genomes(net.space, 3, np.random.default_rng(2))
    recalibrate(net, genomes, to_input(torch.from_numpy(bright_images(20, 9).images)))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in net.state_dict().items())
