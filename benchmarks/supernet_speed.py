"""Training speed with and without the compiled weight gradient, at both image sizes, side by side.

Called by `python -m benchmarks.supernet speed`.
"""

from __future__ import annotations

import argparse
import time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional

from search import ChainSpace, load_space
from search.space.architecture import Architecture
from search.space.sampling import spread_genomes
from search.supernet.training import depthwise
from search.supernet.training.depthwise_kernel import weight_gradient
from search.supernet.training.loop import largest
from search.supernet.training.precision import fastest_precision
from search.supernet.training.supernet import Supernet

SPACE = "fbnet-cifar10"
BATCH = 96
REPEATS = 3


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Images a second through forward and backward pass: the largest network, and eight spread ones."""
    del arguments
    space = load_space(SPACE)
    supernet = Supernet(space).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    paths = {"largest": [largest(space)], "eight spread": spread(space)}
    compiled = weight_gradient()
    rows = []
    for size in (32, 24):
        for name, networks in paths.items():
            with_kernel = images_per_s(supernet, networks, size)
            with patch.object(depthwise, "weight_gradient", lambda: None):
                without = images_per_s(supernet, networks, size)
            rows.append({"image_size": size, "networks": name, "compiled": with_kernel, "pytorch_alone": without})
    return {"compiler": compiled is not None, "threads": torch.get_num_threads(), "images_per_s": rows}


def spread(space: ChainSpace) -> list[Architecture]:
    """Eight networks from small to large."""
    return [space.architecture(genome) for genome in spread_genomes(space, 8, np.random.default_rng(0))]


def images_per_s(supernet: Supernet, networks: list[Architecture], size: int) -> float:
    """The best of three rounds over the networks."""
    images = torch.rand(BATCH, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % supernet.space.classes
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for network in networks:
            with torch.autocast("cpu", torch.bfloat16, enabled=fastest_precision() == "bfloat16"):
                logits = supernet(images, network)
            functional.cross_entropy(logits.float(), labels).backward()
        seconds.append(time.perf_counter() - began)
    return round(BATCH * len(networks) / min(seconds), 1)
