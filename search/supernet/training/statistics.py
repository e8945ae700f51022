"""Batch-norm statistics measured afresh: pooled over many paths before freezing, or for one sub-network alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from search.space.architecture import Architecture
from search.supernet.training.supernet import ChoiceNorm, Supernet


@dataclass
class _Moments:
    total: Tensor
    squares: Tensor
    values: int = 0

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        mean = self.total / self.values
        return mean.float(), (self.squares / self.values - mean**2).clamp_min(0).float()


class _Observer:
    """Adds up first and second moments of every norm's input."""

    def __init__(self) -> None:
        self.moments: dict[ChoiceNorm, _Moments] = {}

    def __call__(self, norm: ChoiceNorm, x: Tensor) -> None:
        zeros = torch.zeros_like(norm.mean, dtype=torch.float64)
        seen = self.moments.setdefault(norm, _Moments(zeros, zeros.clone()))
        wide = x.float()
        seen.total += wide.sum((0, 2, 3)).double()
        seen.squares += wide.square().sum((0, 2, 3)).double()
        seen.values += x.numel() // x.shape[1]


@torch.no_grad()
def measure_statistics(supernet: Supernet, runs: Iterable[tuple[Tensor, Architecture]]) -> int:
    """Replace the running statistics by the pooled moments of these runs (images, path) in training mode.

    Norms that no run passes keep theirs. Mean and variance are over all images of all runs, so differences between
    paths count as variance. Returns the number of norms that were measured.
    """
    observer = _Observer()
    was_training, was_frozen = supernet.training, supernet.frozen_statistics
    kept = {norm: (norm.mean.clone(), norm.variance.clone()) for norm in supernet.norms()}
    supernet.train()
    supernet.frozen_statistics = False
    supernet.observe(observer)
    for images, architecture in runs:
        with torch.autocast(images.device.type, torch.bfloat16):
            supernet(images, architecture)
    supernet.observe(None)
    supernet.train(was_training)
    supernet.frozen_statistics = was_frozen
    for norm, before in kept.items():
        seen = observer.moments.get(norm)
        mean, variance = before if seen is None else seen.mean_and_variance()
        norm.mean.copy_(mean)
        norm.variance.copy_(variance)
    return len(observer.moments)
