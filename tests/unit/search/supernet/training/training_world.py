"""Supernets with random weights and statistics, and small made-up datasets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from search.datasets.labelled import Dataset, LabelledImages
from search.space.chain import ChainSpace
from search.supernet.training.loop import to_input
from search.supernet.training.statistics import measure_statistics
from search.supernet.training.supernet import Supernet


def randomised(space: ChainSpace, seed: int = 0) -> Supernet:
    """As after a training: every weight, statistic and affine map is its own, and logits depend on the image."""
    generator = torch.Generator().manual_seed(seed)
    supernet = Supernet(space)
    with torch.no_grad():
        for name, parameter in supernet.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, (2.0 / parameter[0].numel()) ** 0.5, generator=generator)
            elif "gamma" in name:
                parameter.uniform_(0.3, 1.2, generator=generator)
            else:
                parameter.normal_(0.0, 0.3, generator=generator)
    pixels = to_input(torch.from_numpy(patchy_images(6, seed)))
    genomes = (np.minimum(choice, space.n_choices - 1) for choice in range(int(space.n_choices.max())))
    measure_statistics(supernet, [(pixels, space.architecture(genome)) for genome in genomes])
    return supernet.eval()


def patchy_images(n: int, seed: int) -> npt.NDArray[np.uint8]:
    """Images `(n, 3, 32, 32)` of 4 x 4 patches: unlike noise, they differ after pooling too."""
    patches = np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4), dtype=np.uint8)
    return patches.repeat(8, axis=2).repeat(8, axis=3)


def bright_images(n: int, seed: int) -> LabelledImages:
    """32 x 32 images of 10 classes that differ in brightness, with some noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    noise = rng.integers(-10, 11, (n, 3, 32, 32))
    return LabelledImages((labels[:, None, None, None] * 25 + 15 + noise).astype(np.uint8), labels.astype(np.int64))


def bright_dataset(n: int) -> Dataset:
    classes = tuple(f"class{number}" for number in range(10))
    return Dataset("made up", classes, bright_images(n, 1), bright_images(20, 2), bright_images(20, 3))
