"""Statistics pooled over paths, against numpy over everything that reached a norm."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from torch import Tensor

from search.space.architecture import Architecture
from search.space.chain import ChainSpace
from search.supernet.training.statistics import measure_statistics
from search.supernet.training.supernet import ChoiceNorm, Supernet
from tests.unit.search.supernet.training.training_world import randomised

GENOMES = [(1, 1, 0, 1), (0, 1, 1, 1), (1, 0, 1, 2)]


@pytest.fixture
def supernet(tiny: ChainSpace) -> Supernet:
    return randomised(tiny)


@pytest.fixture
def runs(tiny: ChainSpace) -> list[tuple[Tensor, Architecture]]:
    """Batches of different size and brightness."""
    generator = torch.Generator().manual_seed(4)
    images = [torch.rand(2 + 3 * row, 3, 32, 32, generator=generator) * (1 + row) for row in range(len(GENOMES))]
    return [(batch, tiny.architecture(genome)) for batch, genome in zip(images, GENOMES, strict=True)]


@torch.no_grad()
def seen(supernet: Supernet, runs: list[tuple[Tensor, Architecture]]) -> dict[ChoiceNorm, np.ndarray]:
    """Every value `(values, channels)` that reached each norm, in training mode."""
    values: dict[ChoiceNorm, list[np.ndarray]] = defaultdict(list)
    supernet.observe(lambda norm, x: values[norm].append(x.float().transpose(0, 1).flatten(1).T.double().numpy()))
    supernet.train()
    for images, architecture in runs:
        with torch.autocast("cpu", torch.bfloat16):
            supernet(images, architecture)
    supernet.observe(None)
    supernet.eval()
    return {norm: np.concatenate(parts) for norm, parts in values.items()}


def test_moments_are_those_of_all_values_together(supernet: Supernet, runs: list[tuple[Tensor, Architecture]]) -> None:
    values = seen(supernet, runs)
    assert measure_statistics(supernet, runs) == len(values)
    for norm, column in values.items():
        np.testing.assert_allclose(norm.mean.numpy(), column.mean(0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(norm.variance.numpy(), column.var(0), rtol=1e-3, atol=1e-4)


def test_differences_between_paths_count_as_variance(
    supernet: Supernet, runs: list[tuple[Tensor, Architecture]]
) -> None:
    stem = supernet.position("stem").norms["stem/stem"]
    measure_statistics(supernet, runs[:1])
    alone = stem.variance.clone()
    measure_statistics(supernet, [*runs[:1], (8 * runs[0][0], runs[0][1])])
    assert (stem.variance > 2 * alone).all()


def test_norms_that_no_run_passes_keep_theirs(supernet: Supernet, runs: list[tuple[Tensor, Architecture]]) -> None:
    passed = set(seen(supernet, runs[:1]))
    before = {norm: (norm.mean.clone(), norm.variance.clone()) for norm in supernet.norms()}
    measure_statistics(supernet, runs[:1])
    for norm, (mean, variance) in before.items():
        kept = torch.equal(norm.mean, mean) and torch.equal(norm.variance, variance)
        assert kept == (norm not in passed)


def test_without_runs_nothing_changes(supernet: Supernet) -> None:
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    assert measure_statistics(supernet, []) == 0
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_mode_is_what_it_was(
    supernet: Supernet, runs: list[tuple[Tensor, Architecture]], training: bool, frozen: bool
) -> None:
    supernet.train(training)
    supernet.frozen_statistics = frozen
    measure_statistics(supernet, runs[:1])
    assert (supernet.training, supernet.frozen_statistics) == (training, frozen)
    assert all(position.observer is None for position in map(supernet.position, supernet.space.positions))
