"""Errors of many sub-networks on images, walking their common prefixes once.

With frozen statistics the output of a layer depends only on the layers before it, so sorted genomes are a walk
through a tree: what two neighbours share is computed once. Random genomes of `fbnet-cifar10` share its first, most
expensive layers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from search.space.base import Genomes
from search.supernet.artefact import Evaluations
from search.supernet.training.dataset import LabelledImages
from search.supernet.training.loop import batches
from search.supernet.training.supernet import Supernet

_BATCH = 125
"""Activations of so many images stay in the cache: 500 at once were a quarter slower."""


@torch.no_grad()
def evaluate_subnets(
    supernet: Supernet,
    genomes: Genomes,
    images: LabelledImages,
    on_progress: Callable[[float], None] | None = None,
) -> Evaluations:
    """Error and cross-entropy of every genome `(n, g)` on all images, in the order given.

    In bfloat16, four times as fast as float32 here; `finish.py` states how far errors of exported networks are from it.
    The supernet must be in eval mode with frozen statistics.
    """
    supernet.eval()
    order = np.lexsort(genomes.T[::-1])
    wrong, loss = np.zeros(len(genomes)), np.zeros(len(genomes))
    parts = -(-len(images) // _BATCH)
    for number, (pixels, labels) in enumerate(batches(images, _BATCH)):
        walk = _Walk(supernet, pixels)
        for place, row in enumerate(order):
            logits = walk.logits(genomes[row])
            wrong[row] += (logits.argmax(1) != labels).sum().item()
            loss[row] += functional.cross_entropy(logits, labels, reduction="sum").item()
            if on_progress is not None and place % 20 == 0:
                on_progress((number + place / len(order)) / parts)
    if on_progress is not None:
        on_progress(1.0)
    return Evaluations(genomes, wrong / len(images), loss / len(images))


class _Walk:
    """One batch of images on its way through neighbouring architectures."""

    def __init__(self, supernet: Supernet, images: Tensor) -> None:
        self._supernet = supernet
        self._outputs: list[Tensor] = [images]
        self._labels: list[str] = []

    def logits(self, genome: npt.NDArray[np.int64]) -> Tensor:
        """Logits of one architecture; the outputs of its layers are kept for the next."""
        architecture = self._supernet.space.architecture(genome)
        labels = [block.label for block in architecture.blocks]
        shared = next(
            (i for i, (a, b) in enumerate(zip(labels, self._labels, strict=False)) if a != b), len(self._labels)
        )
        del self._outputs[shared + 1 :]
        for place in range(shared, len(labels)):
            position = self._supernet.position(architecture.positions[place])
            with torch.autocast("cpu", torch.bfloat16):
                self._outputs.append(position(self._outputs[-1], architecture.blocks[place], True))
        self._labels = labels
        return self._outputs[-1].float()
