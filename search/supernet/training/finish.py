"""From a finished training to an artefact that can be shipped, read back and checked.

Evaluates random sub-networks on the validation images, writes the artefact, searches a front with it, and measures
five networks of that front on the test images, for the card alone: the only use of the test images.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from latency_tables import shipped_tables
from search.datasets.labelled import LabelledImages, dataset_card
from search.engine import run_search
from search.errors import CheckpointError
from search.front.spread import evenly_spread
from search.predictor.error_predictor import FEWEST_EVALUATIONS, ErrorPredictor
from search.resources import SearchResources
from search.space.base import Genomes, count_architectures
from search.space.chain import ChainSpace
from search.space.sampling import spread_genomes
from search.spec import SearchSpec
from search.supernet.artefact import Evaluations, SupernetArtefact, read_artefact, write_artefact
from search.supernet.evaluate import evaluate_onnx
from search.supernet.onnx_export import export_onnx
from search.supernet.training.export import load_shared, shared_tensors
from search.supernet.training.loop import Training, largest, smallest
from search.supernet.training.walk import evaluate_subnets

_FRONT_NETWORKS = 5
_FRONT_DEVICE = "raspberry-pi-4"
_EXPORTED = 10
_THREADS = 2
_FAMILY = 20
"""Networks evaluated with the same first half: their common layers, the expensive ones, are computed once."""

OnProgress = Callable[[float, float | None], None]
"""Called with the fraction done and the seconds left, where known."""


def write_trained(
    training: Training, out: Path, networks: int, images: int, note: str, on_progress: OnProgress
) -> SupernetArtefact:
    """Evaluate sub-networks on at most `images` validation images, write the artefact to `out`, and read it back.

    Raises:
        CheckpointError: the training has not ended.
    """
    _check_finished(training)
    space, dataset = training.space, training.dataset
    genomes = evaluation_genomes(space, networks, training.recipe.seed)
    tensors = shared_tensors(training.supernet)
    seen = dataset.validation.take(np.arange(min(images, len(dataset.validation))))
    evaluations = evaluate_subnets(load_shared(space, tensors, training.device), genomes, seen, _timed(on_progress))
    card = _card(training, evaluations, len(seen)) | {"note": note}
    write_artefact(out, tensors, evaluations, card)
    card["exported_against_evaluated"] = _exported(space, out, seen, evaluations)
    if len(dataset.test) and len(genomes) >= FEWEST_EVALUATIONS:
        card["front_on_test_images"] = _test_front(space, out, (seen, dataset.test), evaluations)
    write_artefact(out, tensors, evaluations, card)
    return read_artefact(out, space)


def _timed(on_progress: OnProgress) -> Callable[[float], None]:
    began = time.monotonic()

    def report(fraction: float) -> None:
        spent = time.monotonic() - began
        on_progress(fraction, spent * (1 - fraction) / fraction if fraction > 0 else None)

    return report


def _check_finished(training: Training) -> None:
    if training.step < training.steps:
        reason = f"it is of step {training.step} of {training.steps}. Let the training go on to its end"
        raise CheckpointError(str(training.checkpoint), reason)


def evaluation_genomes(space: ChainSpace, n: int, seed: int) -> Genomes:
    """`n` distinct genomes spread over the space's sizes, its ends included; all of a space that has no more.

    They come in families of 20 with the same first half of their layers: so many parents were drawn, and every child
    draws its second half anew.
    """
    if count_architectures(space) <= n:
        grid = np.meshgrid(*(np.arange(choices) for choices in space.n_choices), indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1).astype(np.int64)
    rng = np.random.default_rng([seed, 4])
    distinct = np.array([smallest(space).genome, largest(space).genome], dtype=np.int64)
    half = len(space.n_choices) // 2
    while len(distinct) < n:
        children = spread_genomes(space, 2 * n, rng)
        children[:, :half] = np.repeat(children[::_FAMILY, :half], _FAMILY, axis=0)[: len(children)]
        drawn = np.concatenate([distinct, children])
        distinct = drawn[np.sort(np.unique(drawn, axis=0, return_index=True)[1])]
    return distinct[:n]


def _card(training: Training, evaluations: Evaluations, images: int) -> dict[str, Any]:
    dataset = training.dataset
    top1 = 1.0 - evaluations.error
    return {
        "space": training.space.name,
        "space_sha256": training.space.sha256,
        "classes": list(dataset.classes),
        "input": "float32 NCHW, RGB pixel values divided by 255",
        "data": dataset_card(dataset),
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
    predictor = ErrorPredictor.fit(
        space, evaluations.genomes, evaluations.error, cross_entropy=evaluations.cross_entropy
    )
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
