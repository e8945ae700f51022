"""Errors of many sub-networks on images, walking their common prefixes once.

Outside training the output of a layer depends only on the layers before it, so sorted genomes are a walk through a
tree: what two neighbours share is computed once. That holds for frozen statistics, and for statistics that every
network has measured afresh on calibration images, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from search.datasets.labelled import LabelledImages
from search.space.base import Genomes
from search.space.blocks.base import Block
from search.supernet.artefact import Evaluations
from search.supernet.training.loop import batches
from search.supernet.training.precision import fastest_precision
from search.supernet.training.supernet import ChoiceNorm, Position, Supernet, norm_name

_BATCH = 125
"""Activations of so many images stay in the cache: 500 at once were a quarter slower."""
_Moments = list[tuple[Tensor, Tensor]]
"""Mean and variance of a block's norms, in the order of its convolutions."""
Statistics = dict[tuple[str, ...], _Moments]
"""By the labels of the blocks up to one, stem included, the statistics of its norms."""


@torch.no_grad()
def evaluate_subnets(
    supernet: Supernet,
    genomes: Genomes,
    images: LabelledImages,
    on_progress: Callable[[float], None] | None = None,
    statistics: Statistics | None = None,
) -> Evaluations:
    """Error and cross-entropy of every genome `(n, g)` on all images, in the order given.

    On the supernet's device, in bfloat16 where that is fast (four times float32 here); `finish.py` states how far
    errors of exported networks are from it.
    With frozen statistics, or with those that `recalibrate` measured for these genomes.
    """
    supernet.eval()
    order = np.lexsort(genomes.T[::-1])
    wrong, loss = np.zeros(len(genomes)), np.zeros(len(genomes))
    parts = -(-len(images) // _BATCH)
    device = next(supernet.parameters()).device
    for number, batch in enumerate(batches(images, _BATCH)):
        pixels, labels = (tensor.to(device) for tensor in batch)
        walk = _Walk(supernet, pixels, statistics)
        for place, row in enumerate(order):
            logits = walk.logits(genomes[row])
            wrong[row] += (logits.argmax(1) != labels).sum().item()
            loss[row] += functional.cross_entropy(logits, labels, reduction="sum").item()
            if on_progress is not None and place % 20 == 0:
                on_progress((number + place / len(order)) / parts)
    if on_progress is not None:
        on_progress(1.0)
    return Evaluations(genomes, wrong / len(images), loss / len(images))


@torch.no_grad()
def recalibrate(supernet: Supernet, genomes: Genomes, images: Tensor) -> Statistics:
    """Batch-norm statistics of every genome's own activations for these network inputs `(n, c, s, s)`."""
    walk = _Calibration(supernet, images)
    for row in np.lexsort(genomes.T[::-1]):
        walk.logits(genomes[row])
    return walk.statistics


class _Walk:
    """One batch of images on its way through neighbouring architectures."""

    def __init__(self, supernet: Supernet, images: Tensor, statistics: Statistics | None = None) -> None:
        self._supernet = supernet
        self._outputs: list[Tensor] = [images]
        self._labels: tuple[str, ...] = ()
        self._statistics = statistics
        self._half = fastest_precision() == "bfloat16"

    def logits(self, genome: npt.NDArray[np.int64]) -> Tensor:
        """Logits of one architecture; the outputs of its layers are kept for the next."""
        architecture = self._supernet.space.architecture(genome)
        labels = tuple(block.label for block in architecture.blocks)
        shared = next(
            (i for i, (a, b) in enumerate(zip(labels, self._labels, strict=False)) if a != b), len(self._labels)
        )
        del self._outputs[shared + 1 :]
        for place in range(shared, len(labels)):
            position = self._supernet.position(architecture.positions[place])
            with torch.autocast(self._outputs[-1].device.type, torch.bfloat16, enabled=self._half):
                self._outputs.append(self._apply(position, architecture.blocks[place], labels[: place + 1]))
        self._labels = labels
        return self._outputs[-1].float()

    def _apply(self, position: Position, block: Block, path: tuple[str, ...]) -> Tensor:
        if self._statistics is not None:
            for norm, (mean, variance) in zip(_norms(position, block), self._statistics[path], strict=True):
                norm.mean, norm.variance = mean, variance
        return cast(Tensor, position(self._outputs[-1], block, True))


class _Calibration(_Walk):
    """The same walk with batch statistics, which it keeps for every path."""

    def __init__(self, supernet: Supernet, images: Tensor) -> None:
        super().__init__(supernet, images)
        self.statistics: Statistics = {}

    def _apply(self, position: Position, block: Block, path: tuple[str, ...]) -> Tensor:
        norms = _norms(position, block)
        moments: dict[ChoiceNorm, tuple[Tensor, Tensor]] = {}

        def observe(norm: ChoiceNorm, x: Tensor) -> None:
            wide = x.float()
            moments[norm] = (wide.mean((0, 2, 3)), wide.var((0, 2, 3), correction=0))

        kept = [(norm.mean.clone(), norm.variance.clone()) for norm in norms]
        position.observer = observe
        position.train()
        output = cast(Tensor, position(self._outputs[-1], block, False))
        position.eval()
        position.observer = None
        for norm, (mean, variance) in zip(norms, kept, strict=True):
            norm.mean, norm.variance = mean, variance
        self.statistics[path] = [moments[norm] for norm in norms]
        return output


def _norms(position: Position, block: Block) -> list[ChoiceNorm]:
    names = [norm_name(block.label, spec.name) for spec in block.convolutions if spec.normalised]
    return [cast(ChoiceNorm, position.norms[name]) for name in names]
