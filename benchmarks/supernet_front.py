"""Test accuracy of the shipped supernet's front, and what inheriting weights costs against training alone.

Called by `python -m benchmarks.supernet front` and `... alone`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from search import (
    ErrorPredictor,
    Limit,
    SearchResources,
    SearchSpec,
    export_onnx,
    load_space,
    read_artefact,
    run_search,
)
from search.datasets.labelled import Dataset
from search.datasets.read import read_dataset
from search.space.base import Genomes
from search.space.chain import ChainSpace
from search.space.sampling import spread_genomes
from search.supernet.evaluate import evaluate_onnx
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import Training
from search.supernet.training.precision import fastest_precision
from search.supernet.training.recipe import Recipe
from search.supernet.training.walk import evaluate_subnets

PRETRAINED = Path(__file__).resolve().parents[1] / "search" / "pretrained"
SPACE = "fbnet-cifar10"
MILLION_MACS = (10, 20, 40, 60)
FROM_SCRATCH = {
    "ShuffleNetV2 x0.5": (10.9, 90.13),
    "MobileNetV2 x0.5": (28.0, 92.88),
    "MobileNetV2 x0.75": (59.3, 93.72),
}
"""Million macs and CIFAR-10 top-1 in percent of networks trained alone (chenyaofo/pytorch-cifar-models)."""


def front(arguments: argparse.Namespace) -> dict[str, Any]:
    """Test top-1 of the network with the least expected error within each number of macs, without any fine-tuning."""
    space = load_space(SPACE)
    artefact = read_artefact(PRETRAINED / SPACE, space)
    evaluations = artefact.evaluations
    resources = SearchResources(
        space,
        ErrorPredictor.fit(space, evaluations.genomes, evaluations.error, cross_entropy=evaluations.cross_entropy),
        {},
    )
    dataset = read_dataset(arguments.dataset, held_out=Recipe.held_out, seed=Recipe.seed)
    lowest = space.tabulate(lambda block: block.macs).lowest_total() / 1e6
    rows: list[dict[str, Any]] = []
    for limit in MILLION_MACS:
        if limit < lowest:
            rows.append({"million_macs": limit, "reached": False, "why": f"the smallest network has {lowest:.1f} M"})
            continue
        spec = SearchSpec(
            SPACE,
            (),
            ("error", "macs"),
            (Limit("macs", None, None, limit * 1e6),),
            population=100,
            generations=100,
            seed=1,
        )
        best = min(run_search(spec, resources).front, key=lambda item: item.error)
        model = export_onnx(artefact, space.architecture(best.genome))
        test = evaluate_onnx(model, dataset.test.images, dataset.test.labels, threads=arguments.threads)
        rows.append({
            "million_macs": limit, "reached": True, "genome": list(best.genome), "macs": best.macs,
            "expected_top1": round(1 - best.error, 4), "test_top1": round(1 - test.error, 4),
        })  # fmt: skip
        sys.stderr.write(f"{rows[-1]}\n")
    return {"test_images": len(dataset.test), "networks": rows, "trained_from_scratch_elsewhere": FROM_SCRATCH}


def alone(arguments: argparse.Namespace) -> dict[str, Any]:
    """Six architectures from small to large: error with inherited weights against each trained by itself.

    The supernet is trained here, too, with the same recipe, images and epochs; a network alone is a space with one
    choice in every layer, so that it goes through the same code.
    """
    space = load_space(SPACE)
    recipe = Recipe(epochs=arguments.epochs, calibration_batches=60, precision=fastest_precision())
    dataset = read_dataset(arguments.dataset, held_out=recipe.held_out, seed=recipe.seed)
    dataset = replace(dataset, train=dataset.train.take(np.arange(min(arguments.training_images, len(dataset.train)))))
    genomes = sizes_of(space, 6)
    inherited = _trained_errors(space, dataset, recipe, genomes, arguments.folder / "supernet")
    by_itself = []
    for number, genome in enumerate(genomes):
        only = single_network(space, genome)
        folder = arguments.folder / f"alone-{number}"
        first = np.zeros((1, len(genome)), dtype=np.int64)
        by_itself.append(_trained_errors(only, dataset, replace(recipe, random_paths=0), first, folder)[0])
    inherited_top1, alone_top1 = 1 - inherited, 1 - np.array(by_itself)
    macs = space.tabulate(lambda block: block.macs).total(genomes) / 1e6
    return {
        "training_images": len(dataset.train),
        "epochs": recipe.epochs,
        "validation_images": len(dataset.validation),
        "networks": [
            {"genome": genome, "million_macs": round(m, 1), "inherited_top1": round(i, 4), "alone_top1": round(a, 4)}
            for genome, m, i, a in zip(genomes.tolist(), macs, inherited_top1, alone_top1, strict=True)
        ],
        "kendall_tau": round(float(kendalltau(inherited_top1, alone_top1).statistic), 3),
        "mean_gap": round(float((alone_top1 - inherited_top1).mean()), 4),
    }


def single_network(space: ChainSpace, genome: np.ndarray) -> ChainSpace:
    """The space that holds one architecture of another and nothing else."""
    layers = tuple((blocks[gene],) for blocks, gene in zip(space.layers, genome.tolist(), strict=True))
    return replace(space, name=f"{space.name}-one", layers=layers)


def sizes_of(space: ChainSpace, n: int) -> Genomes:
    """Genomes `(n, g)` from the smallest to the largest of 300 spread ones, evenly by rank of macs."""
    drawn = spread_genomes(space, 300, np.random.default_rng(6))
    order = np.argsort(space.tabulate(lambda block: block.macs).total(drawn))
    return drawn[order[np.linspace(0, len(order) - 1, n).astype(int)]]


def _trained_errors(space: ChainSpace, dataset: Dataset, recipe: Recipe, genomes: Genomes, folder: Path) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(space, dataset, recipe, folder)
    training.run(
        lambda step: print(f"{folder.name} {step.step}/{step.steps}, {step.seconds_left:.0f} s left", file=sys.stderr)
    )
    supernet = load_shared(space, shared_tensors(training.supernet))
    return evaluate_subnets(supernet, genomes, dataset.validation).error
