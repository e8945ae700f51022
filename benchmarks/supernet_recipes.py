"""What parts of the training recipe are worth: the same short training with one of them changed.

Called by `python -m benchmarks.supernet recipes`. Every variant sees the same number of images the same number of
times; what differs in time is stated.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from search import load_space
from search.datasets.read import read_dataset
from search.space.sampling import spread_genomes
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import Training, largest, smallest
from search.supernet.training.precision import fastest_precision
from search.supernet.training.recipe import Recipe
from search.supernet.training.walk import evaluate_subnets

SPACE = "fbnet-cifar10"
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "random networks from the start (8 % of the steps)": {"largest_share": 0.08},
    "random networks learn from labels alone": {"soft_share": 0.0},
}


def recipes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Top-1 on validation images of spread sub-networks after each variant."""
    space = load_space(SPACE)
    base = Recipe(epochs=arguments.epochs, calibration_batches=60, precision=fastest_precision())
    dataset = read_dataset(arguments.dataset, held_out=base.held_out, seed=base.seed)
    dataset = replace(dataset, train=dataset.train.take(np.arange(min(arguments.training_images, len(dataset.train)))))
    ends = np.array([largest(space).genome, smallest(space).genome])
    genomes = np.concatenate([ends, spread_genomes(space, arguments.networks, np.random.default_rng(8))])
    images = dataset.validation.take(np.arange(min(arguments.images, len(dataset.validation))))
    found: dict[str, Any] = {}
    for number, (name, changes) in enumerate(VARIANTS.items()):
        folder = arguments.folder / ("supernet" if not changes else f"variant-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        training = Training(space, dataset, replace(base, **changes), folder)
        began = time.monotonic()
        training.run(lambda step: print(f"{step.step}/{step.steps}, {step.seconds_left:.0f} s left", file=sys.stderr))
        seconds = time.monotonic() - began
        top1 = 1 - evaluate_subnets(load_shared(space, shared_tensors(training.supernet)), genomes, images).error
        found[name] = {
            "largest_top1": round(float(top1[0]), 4),
            "smallest_top1": round(float(top1[1]), 4),
            "mean_top1": round(float(top1[2:].mean()), 4),
            "best_top1": round(float(top1.max()), 4),
            "seconds": round(seconds),
        }
        print(f"{name}: {found[name]}", file=sys.stderr)
    sizes = {"training_images": len(dataset.train), "epochs": base.epochs, "validation_images": len(images)}
    return sizes | {"networks": arguments.networks, "variants": found}
