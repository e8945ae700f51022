"""Tensors of an artefact from a supernet and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from search.space.base import random_genomes
from search.space.chain import ChainSpace
from search.supernet.subnet import required_tensors
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import batches
from tests.unit.search.supernet.training.training_world import bright_images, randomised

IMAGES = bright_images(12, 7)


@torch.no_grad()
def logits(supernet: torch.nn.Module, space: ChainSpace, genome: object) -> torch.Tensor:
    ((pixels, _),) = batches(IMAGES, 100)
    return supernet(pixels, space.architecture(genome))


def test_the_tensors_are_those_that_sub_networks_are_cut_from(tiny: ChainSpace) -> None:
    tensors = shared_tensors(randomised(tiny))
    needed: dict[str, tuple[int, ...]] = {}
    for genome in itertools.product(range(3), repeat=4):
        for name, shape in required_tensors(tiny.architecture(genome)).items():
            needed[name] = tuple(map(max, shape, needed.get(name, shape)))
    assert {name: tensor.shape for name, tensor in tensors.items()} == needed
    assert all(tensor.dtype == np.float16 for tensor in tensors.values())


def test_what_was_exported_computes_the_same_but_for_half_precision(fbnet: ChainSpace) -> None:
    supernet = randomised(fbnet, seed=2)
    supernet.frozen_statistics = True
    shipped = load_shared(fbnet, shared_tensors(supernet))
    for genome in random_genomes(fbnet, 2, np.random.default_rng(0)):
        wanted, found = logits(supernet, fbnet, genome), logits(shipped, fbnet, genome)
        assert not torch.equal(found, wanted)
        assert (found - wanted).norm() < 0.03 * wanted.norm()


def test_exporting_again_gives_the_same_tensors(tiny: ChainSpace) -> None:
    tensors = shared_tensors(randomised(tiny))
    again = shared_tensors(load_shared(tiny, tensors))
    assert sorted(again) == sorted(tensors)
    assert all(np.array_equal(again[name], tensor) for name, tensor in tensors.items())


def test_tensors_of_another_space_are_refused(tiny: ChainSpace, fbnet: ChainSpace) -> None:
    with pytest.raises((KeyError, RuntimeError)):
        load_shared(fbnet, shared_tensors(randomised(tiny)))


def test_batches_are_consecutive() -> None:
    parts = list(batches(IMAGES, 5))
    assert [len(labels) for _, labels in parts] == [5, 5, 2]
    assert torch.cat([labels for _, labels in parts]).tolist() == IMAGES.labels.tolist()
    pixels = torch.cat([images for images, _ in parts])
    assert np.array_equal((pixels * 255).round().numpy().astype(np.uint8), IMAGES.images)
