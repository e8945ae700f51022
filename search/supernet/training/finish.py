"""From a finished training to a shipped artefact: `python -m search.supernet.training.finish --help`.

Evaluates random sub-networks on the validation images, writes the artefact, searches a front with it, and measures
five networks of that front on the test images, for the card alone: the only use of the test images.
"""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from latency_tables import shipped_tables
from search.engine import run_search
from search.errors import CheckpointError, SearchError
from search.front.spread import evenly_spread
from search.predictor.error_predictor import ErrorPredictor
from search.resources import SearchResources
from search.space.base import Genomes, count_architectures, random_genomes
from search.space.chain import ChainSpace
from search.space.load import load_named_space
from search.spec import SearchSpec
from search.supernet.artefact import Evaluations, read_artefact, write_artefact
from search.supernet.evaluate import evaluate_onnx
from search.supernet.onnx_export import export_onnx
from search.supernet.training.dataset import Dataset, LabelledImages, read_dataset
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import Training
from search.supernet.training.recipe import add_recipe, recipe_from
from search.supernet.training.walk import evaluate_subnets

_FRONT_NETWORKS = 5
_FRONT_DEVICE = "raspberry-pi-4"
_EXPORTED = 10
_THREADS = 2


def main() -> int:
    """Write the artefact; return the exit code."""
    arguments = _parser().parse_args()
    try:
        space = load_named_space(arguments.space)
        recipe = recipe_from(arguments)
        dataset = read_dataset(arguments.dataset, held_out=recipe.held_out, seed=recipe.seed)
        training = Training(space, dataset, recipe, arguments.folder)
        _check_finished(training)
        genomes = evaluation_genomes(space, arguments.networks, recipe.seed)
        tensors = shared_tensors(training.supernet)
        images = dataset.validation.take(np.arange(min(arguments.images, len(dataset.validation))))
        evaluations = evaluate_subnets(load_shared(space, tensors), genomes, images, _print)
        card = _card(training, dataset, evaluations, len(images))
        card["note"] = arguments.note
        write_artefact(arguments.out, tensors, evaluations, card)
        card["exported_against_evaluated"] = _exported(space, arguments.out, images, evaluations)
        card["front_on_test_images"] = _test_front(space, arguments.out, (images, dataset.test), evaluations)
        write_artefact(arguments.out, tensors, evaluations, card)
    except (SearchError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _check_finished(training: Training) -> None:
    if training.step == 0:
        raise CheckpointError(str(training.checkpoint), "there is none, so nothing to finish")
    if training.step < training.steps:
        reason = f"it is of step {training.step} of {training.steps}. Let the training go on to its end"
        raise CheckpointError(str(training.checkpoint), reason)


def evaluation_genomes(space: ChainSpace, n: int, seed: int) -> Genomes:
    """`n` distinct random genomes; all of a space that has no more."""
    if count_architectures(space) <= n:
        grid = np.meshgrid(*(np.arange(choices) for choices in space.n_choices), indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1).astype(np.int64)
    rng = np.random.default_rng([seed, 4])
    distinct = random_genomes(space, 0, rng)
    while len(distinct) < n:
        drawn = np.concatenate([distinct, random_genomes(space, 2 * n, rng)])
        distinct = drawn[np.sort(np.unique(drawn, axis=0, return_index=True)[1])]
    return distinct[:n]


def _card(training: Training, dataset: Dataset, evaluations: Evaluations, images: int) -> dict[str, Any]:
    top1 = 1.0 - evaluations.error
    return {
        "space": training.space.name,
        "space_sha256": training.space.sha256,
        "classes": list(dataset.classes),
        "input": "float32 NCHW, RGB pixel values divided by 255",
        "data": {
            "archive": Path(dataset.source).name,
            "training_images": len(dataset.train),
            "validation_images": len(dataset.validation),
            "test_images": len(dataset.test),
        },
        "recipe": asdict(training.recipe),
        "steps": training.step,
        "trained_on": platform.processor() or platform.machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "validation_top1": {
            "networks": len(top1),
            "images": images,
            "best": round(float(top1.max()), 4),
            "median": round(float(np.median(top1)), 4),
            "worst": round(float(top1.min()), 4),
        },
    }


def _exported(space: ChainSpace, folder: Path, images: LabelledImages, evaluations: Evaluations) -> dict[str, Any]:
    """How far the error of exported float32 networks is from that of the bfloat16 evaluation, on the same images."""
    artefact = read_artefact(folder, space)
    off = []
    for genome, error in zip(evaluations.genomes[:_EXPORTED], evaluations.error[:_EXPORTED], strict=True):
        model = export_onnx(artefact, space.architecture(genome))
        off.append(abs(evaluate_onnx(model, images.images, images.labels, threads=_THREADS).error - error))
    return {
        "networks": len(off),
        "mean_difference": round(float(np.mean(off)), 5),
        "largest_difference": round(float(np.max(off)), 5),
    }


def _test_front(
    space: ChainSpace, folder: Path, splits: tuple[LabelledImages, LabelledImages], evaluations: Evaluations
) -> list[dict[str, Any]]:
    """Five networks over a front: what was expected of them, and what they do on validation and test images."""
    artefact = read_artefact(folder, space)
    table = shipped_tables().get((_FRONT_DEVICE, space.name))
    predictor = ErrorPredictor.fit(space, evaluations.genomes, evaluations.error)
    objectives = ("error", "macs") if table is None else ("error", "latency_ms")
    devices = () if table is None else (_FRONT_DEVICE,)
    tables = {} if table is None else {_FRONT_DEVICE: table}
    spec = SearchSpec(space.name, devices, objectives, seed=1)
    front = run_search(spec, SearchResources(space, predictor, tables)).front
    rows = []
    for item in evenly_spread(front, _FRONT_NETWORKS):
        model = export_onnx(artefact, space.architecture(item.genome))
        validation, test = (evaluate_onnx(model, part.images, part.labels, threads=_THREADS) for part in splits)
        rows.append(
            {
                "architecture_id": item.architecture_id,
                "genome": list(item.genome),
                "macs": item.macs,
                "expected_top1": round(1.0 - item.error, 4),
                "validation_top1": round(1.0 - validation.error, 4),
                "test_top1": round(1.0 - test.error, 4),
            }
        )
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m search.supernet.training.finish", description=__doc__)
    parser.add_argument("--space", default="fbnet-cifar10", help="name of a shipped space, or a space file (.json)")
    parser.add_argument("--dataset", type=Path, required=True, help="the archive that was trained on")
    parser.add_argument("--folder", type=Path, required=True, help="where the training's checkpoint is")
    parser.add_argument("--out", type=Path, required=True, help="folder of the artefact")
    parser.add_argument("--networks", type=int, default=700, help="random sub-networks to evaluate")
    parser.add_argument("--images", type=int, default=5000, help="validation images to evaluate them on, at most")
    parser.add_argument("--note", default="", help="what a reader of the card must know besides")
    add_recipe(parser)
    return parser


def _print(fraction: float) -> None:
    sys.stdout.write(f"\revaluating sub-networks: {fraction:.1%}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
