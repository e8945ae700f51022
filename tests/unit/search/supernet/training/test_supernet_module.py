"""The supernet in PyTorch: what choices share, what they do not, and the two modes of batch norm."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from search.space.base import random_genomes
from search.space.chain import ChainSpace
from search.supernet.training.supernet import Supernet
from tests.unit.search.supernet.training.training_world import randomised

SMALL, LARGE, SKIP = 0, 1, 2  # of the tiny space's layers: k3_e1 (k3_e1_g2 in the first), k5_e3, skip


@pytest.fixture
def supernet(tiny: ChainSpace) -> Supernet:
    supernet = randomised(tiny)
    supernet.frozen_statistics = True
    return supernet


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def logits(supernet: Supernet, images: Tensor, *genome: int) -> Tensor:
    return supernet(images, supernet.space.architecture(genome))


def layer3(choice: int) -> tuple[int, ...]:
    """The architecture of skips whose third layer, k3_e1 or k5_e3 or an identity, is `choice`."""
    return (SKIP, SKIP, choice, SKIP)


@pytest.fixture
def depthwise(supernet: Supernet) -> Tensor:
    """What k3_e1 and k5_e3 of the third layer share, `(48, 1, 5, 5)`, open to changes."""
    weight = supernet.position("layer3").weights["g1/depthwise"].data
    assert weight.shape == (48, 1, 5, 5)
    return weight


def changed_by(supernet: Supernet, images: Tensor, part: Tensor) -> set[int]:
    """Choices of the third layer whose logits change when `part` of a weight does."""
    before = {choice: logits(supernet, images, *layer3(choice)) for choice in (SMALL, LARGE, SKIP)}
    part += 1.0
    return {choice for choice in before if not torch.equal(before[choice], logits(supernet, images, *layer3(choice)))}


def test_the_centre_of_leading_channels_is_shared(supernet: Supernet, images: Tensor, depthwise: Tensor) -> None:
    assert changed_by(supernet, images, depthwise[3, 0, 2, 2]) == {SMALL, LARGE}
    assert changed_by(supernet, images, depthwise[:16, :, 1:4, 1:4]) == {SMALL, LARGE}


def test_a_small_kernel_does_not_use_the_rim(supernet: Supernet, images: Tensor, depthwise: Tensor) -> None:
    assert changed_by(supernet, images, depthwise[:, :, 0, :]) == {LARGE}
    assert changed_by(supernet, images, depthwise[:, :, :, 4]) == {LARGE}


def test_a_small_expansion_does_not_use_later_channels(supernet: Supernet, images: Tensor, depthwise: Tensor) -> None:
    assert changed_by(supernet, images, depthwise[16:]) == {LARGE}


def test_layers_do_not_share(supernet: Supernet, images: Tensor) -> None:
    part = supernet.position("layer4").weights["g1/depthwise"].data
    before = logits(supernet, images, SKIP, SKIP, SMALL, SKIP)
    part += 1.0
    assert torch.equal(before, logits(supernet, images, SKIP, SKIP, SMALL, SKIP))
    assert not torch.equal(logits(supernet, images, *layer3(SMALL)), logits(supernet, images, SKIP, SKIP, SMALL, SMALL))


def test_every_choice_has_statistics_of_its_own(supernet: Supernet, images: Tensor) -> None:
    norm = supernet.position("layer3").norms["k3_e1/depthwise"]
    assert changed_by(supernet, images, norm.mean) == {SMALL}
    assert changed_by(supernet, images, norm.variance) == {SMALL}


def test_groups_do_not_share_with_plain_convolutions(supernet: Supernet) -> None:
    first = supernet.position("layer1")
    assert {name.split("/")[0] for name in first.weights} == {"g1", "g2"}


def test_choices_differ(supernet: Supernet, images: Tensor) -> None:
    rows = [logits(supernet, images, *genome).flatten().tolist() for genome in itertools.product(range(3), repeat=4)]
    assert len({tuple(row) for row in rows}) == 81


def test_frozen_statistics_are_batch_norm_in_eval_mode(fbnet: ChainSpace, images: Tensor) -> None:
    supernet = randomised(fbnet, seed=5)
    for genome in random_genomes(fbnet, 3, np.random.default_rng(2)):
        supernet.frozen_statistics = False
        wanted = logits(supernet, images, *genome.tolist())
        supernet.frozen_statistics = True
        found = logits(supernet, images, *genome.tolist())
        assert wanted.abs().max() > 0.1
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_frozen_statistics_stay(supernet: Supernet, images: Tensor) -> None:
    supernet.train()
    before = {name: buffer.clone() for name, buffer in supernet.named_buffers()}
    logits(supernet, images, LARGE, LARGE, LARGE, LARGE)
    assert all(torch.equal(buffer, before[name]) for name, buffer in supernet.named_buffers())


def test_running_statistics_follow_the_batches_of_the_path_alone(tiny: ChainSpace, images: Tensor) -> None:
    supernet = randomised(tiny).train()
    before = {name: buffer.clone() for name, buffer in supernet.named_buffers()}
    logits(supernet, images, SKIP, SKIP, LARGE, SKIP)
    changed = {name for name, buffer in supernet.named_buffers() if not torch.equal(buffer, before[name])}
    assert any("layer3.norms.k5_e3" in name for name in changed)
    assert not any("k3_e1" in name or "layer4.norms.k5_e3" in name for name in changed)


def test_a_gradient_reaches_the_path_alone(supernet: Supernet, images: Tensor) -> None:
    supernet(images, supernet.space.architecture(layer3(SMALL))).square().sum().backward()
    gradient = supernet.position("layer3").weights["g1/depthwise"].grad
    assert gradient is not None
    assert gradient[:16, :, 1:4, 1:4].flatten(1).any(1).sum() > 8  # of 16; a ReLU may leave some without
    gradient[:16, :, 1:4, 1:4] = 0
    assert not gradient.any()
    assert supernet.position("layer4").weights["g1/depthwise"].grad is None


def test_blocks_beside_an_identity_start_as_the_identity(tiny: ChainSpace, images: Tensor) -> None:
    supernet = Supernet(tiny).eval()
    wanted = logits(supernet, images, *layer3(SKIP))
    assert torch.equal(logits(supernet, images, *layer3(LARGE)), wanted)
    assert torch.equal(logits(supernet, images, *layer3(SMALL)), wanted)


def test_an_unknown_position_is_refused(supernet: Supernet) -> None:
    with pytest.raises(KeyError):
        supernet.position("layer99")
