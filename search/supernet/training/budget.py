"""How many epochs fit into a time: the steps of each phase are timed before a training starts."""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search.datasets.labelled import Dataset
from search.space.chain import ChainSpace
from search.space.sampling import spread_genomes
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import Training
from search.supernet.training.recipe import Recipe
from search.supernet.training.walk import evaluate_subnets

_TIMED_STEPS = 2
_TIMED_NETWORKS = 6
_SHORTEST_EPOCHS = 0.05


@dataclass(frozen=True)
class Budget:
    """Epochs that fit into a time, and the seconds that they and the evaluation are expected to take."""

    epochs: float
    seconds: float


def fit_epochs(
    space: ChainSpace, dataset: Dataset, recipe: Recipe, *, seconds: float, networks: int, images: int
) -> Budget:
    """As many epochs of a recipe as fit, when `networks` sub-networks are evaluated on `images` images after them.

    Takes some ten steps' time on a scratch supernet. A time that is too short for anything gives a twentieth of an
    epoch, which takes longer than was asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        training = Training(space, dataset, replace(recipe, epochs=100.0), Path(folder))
        epoch_s = _step_seconds(training) * (len(dataset.train) // recipe.batch)
        evaluation_s = _network_image_seconds(training) * networks * min(images, len(dataset.validation))
    epochs = round(max((seconds - evaluation_s) / epoch_s, _SHORTEST_EPOCHS), 3)
    return Budget(epochs, epochs * epoch_s + evaluation_s)


def _step_seconds(training: Training) -> float:
    """Mean time of a step over the phases of a training, by their shares."""
    recipe, steps = training.recipe, training.steps
    borders = sorted({0.0, recipe.largest_share, recipe.small_until, training.freeze_step / steps, 1.0})
    total = 0.0
    for start, end in itertools.pairwise(borders):
        training.step = round(start * steps)
        training.supernet.frozen_statistics = training.step >= training.freeze_step
        training.train_step()
        began = time.monotonic()
        for _ in range(_TIMED_STEPS):
            training.train_step()
        total += (end - start) * (time.monotonic() - began) / _TIMED_STEPS
    return total


def _network_image_seconds(training: Training) -> float:
    """Time to evaluate one sub-network on one image, nothing shared: an upper bound."""
    space = training.space
    supernet = load_shared(space, shared_tensors(training.supernet))
    genomes = spread_genomes(space, _TIMED_NETWORKS, np.random.default_rng(0))
    images = training.dataset.validation.take(np.arange(min(len(training.dataset.validation), 125)))
    began = time.monotonic()
    evaluate_subnets(supernet, genomes, images)
    return (time.monotonic() - began) / (_TIMED_NETWORKS * len(images))
