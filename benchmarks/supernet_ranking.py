"""How well networks that inherit a supernet's weights rank against networks trained one by one (NAS-Bench-Macro).

Called by `python -m benchmarks.supernet ranking`. Every sub-network measures its batch-norm statistics afresh on 512
training images and is scored on validation images by error and by cross-entropy; the truth is the published mean of
three trainings. The supernet is trained first, where the folder does not hold it yet.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, spearmanr

from search.datasets.read import read_dataset
from search.space.chain import ChainSpace
from search.space.load import load_named_space
from search.supernet.training.loop import Training, to_input
from search.supernet.training.precision import fastest_precision
from search.supernet.training.recipe import Recipe
from search.supernet.training.walk import evaluate_subnets, recalibrate

SPACE = Path(__file__).parent / "spaces" / "nas-bench-macro.json"
RECALIBRATION_IMAGES = 512
RECIPE = Recipe(
    epochs=4.0,
    largest_share=0.05,
    small_until=0.85,
    frozen_from=1.0,
    learning_rate=3e-3,
    calibration_batches=2,
)
"""For ranks: random networks nearly from the start, and no frozen phase, because statistics are measured afresh."""


def ranking(arguments: argparse.Namespace) -> dict[str, Any]:
    """Kendall's tau and Spearman's rho of scores, and of trivial ones, against published errors."""
    space = load_named_space(str(SPACE))
    with np.load(arguments.table) as table:
        genomes, truth = table["genes"].astype(np.int64), table["error_cifar10_test"].mean(axis=1).astype(np.float64)
    rows = np.random.default_rng(0).permutation(len(genomes))[: arguments.networks]
    genomes, truth = genomes[rows], truth[rows]
    dataset = read_dataset(arguments.dataset, held_out=RECIPE.held_out, seed=RECIPE.seed)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    training = Training(space, dataset, replace(RECIPE, precision=fastest_precision()), arguments.folder)
    training.run(lambda step: print(f"step {step.step}/{step.steps}, {step.seconds_left:.0f} s left", file=sys.stderr))
    supernet = training.supernet
    statistics = recalibrate(supernet, genomes, to_input(torch.from_numpy(dataset.train.images[:RECALIBRATION_IMAGES])))
    images = dataset.validation.take(np.arange(min(arguments.images, len(dataset.validation))))
    found = evaluate_subnets(supernet, genomes, images, _progress, statistics)
    if arguments.scores:
        np.savez_compressed(
            arguments.scores, genes=genomes.astype(np.int8), error=found.error, cross_entropy=found.cross_entropy
        )
    scores = {"cross_entropy": found.cross_entropy, "error": found.error} | trivial_scores(space, genomes)
    return {
        "networks": len(genomes),
        "images": len(images),
        "steps": training.step,
        "recipe": asdict(training.recipe),
        "inherited_top1": {"best": 1 - found.error.min(), "mean": 1 - found.error.mean()},
        "agreement": {name: agreement(score, truth) for name, score in scores.items()},
    }


def trivial_scores(space: ChainSpace, genomes: np.ndarray) -> dict[str, np.ndarray]:
    """What any supernet must beat: fewer macs and fewer layers as larger errors."""
    macs = space.tabulate(lambda block: block.macs).total(genomes)
    depth = space.tabulate(lambda block: float(block.label != "identity")).total(genomes)
    return {"macs": -macs, "layers": -depth}


def agreement(score: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Rank correlation over all networks and over the half with the lower true error."""
    better = truth <= np.median(truth)
    return {
        "kendall_tau": round(float(kendalltau(score, truth).statistic), 4),
        "spearman": round(float(spearmanr(score, truth).statistic), 4),
        "kendall_tau_better_half": round(float(kendalltau(score[better], truth[better]).statistic), 4),
    }


def _progress(fraction: float) -> None:
    sys.stderr.write(f"\rscoring {fraction:.1%}")
