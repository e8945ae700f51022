"""Figures of the shipped supernet; needs the extra `train`.

    python -m benchmarks.supernet parity
    python -m benchmarks.supernet card
    python -m benchmarks.supernet norms --dataset cifar10.tar.xz --folder runs/fbnet
    python -m benchmarks.supernet ranking --dataset cifar10.tar.xz --folder runs/macro --table nas_bench_macro.npz
    python -m benchmarks.supernet front --dataset cifar10.tar.xz
    python -m benchmarks.supernet recipes --dataset cifar10.tar.xz --folder runs/short
    python -m benchmarks.supernet speed
    python -m benchmarks.supernet alone --dataset cifar10.tar.xz --folder runs/short

`parity`: exported ONNX against the supernet in PyTorch. `card`: errors measured when the artefact was made. `norms`:
what batch norm loses without recalibration on images, for a training's checkpoints before and after the phase with
frozen statistics (ADR 0002). `ranking`: inherited scores against networks trained one by one, for a training of
`benchmarks/spaces/nas-bench-macro.json`. `front`: test accuracy by macs. `recipes`: short trainings with one part of
the recipe changed. `alone`: inherited against trained alone; it goes on with the first supernet of `recipes`.
`speed`: training with the compiled weight gradient and without.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import kendalltau
from torch import Tensor

from benchmarks.supernet_front import alone, front
from benchmarks.supernet_ranking import ranking
from benchmarks.supernet_recipes import recipes
from benchmarks.supernet_speed import speed
from search import load_space, random_genomes, read_artefact
from search.datasets.labelled import LabelledImages
from search.datasets.read import read_dataset
from search.space.architecture import Architecture
from search.supernet.evaluate import run_onnx
from search.supernet.onnx_export import export_onnx
from search.supernet.training.checkpoint import read_checkpoint
from search.supernet.training.export import load_shared
from search.supernet.training.loop import batches, to_input
from search.supernet.training.recipe import Recipe
from search.supernet.training.statistics import measure_statistics
from search.supernet.training.supernet import Supernet

PRETRAINED = Path(__file__).resolve().parents[1] / "search" / "pretrained"
SPACE = "fbnet-cifar10"
RECALIBRATION_IMAGES = 512
MOST_DIFFERENCE = 1e-4
"""Of exported logits from PyTorch's, over the largest logit."""


def main() -> int:
    """Print the figures asked for; return 1 when `parity` is missed."""
    arguments = _parser().parse_args()
    torch.set_num_threads(arguments.threads)
    figures = FIGURES[arguments.figure](arguments)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if arguments.figure != "parity" or is_same(figures) else 1


def parity(arguments: argparse.Namespace) -> dict[str, Any]:
    """Logits of 20 random exported networks against PyTorch on 1,000 images, made ones or a dataset's."""
    space = load_space(SPACE)
    artefact = read_artefact(PRETRAINED / SPACE, space)
    supernet = load_shared(space, artefact.weights)
    images = _images(arguments)
    worst, same, checked = 0.0, 0, 0
    for genome in random_genomes(space, 20, np.random.default_rng(20)):
        architecture = space.architecture(genome)
        exported = run_onnx(export_onnx(artefact, architecture), images)
        with torch.no_grad():
            own = torch.cat(
                [supernet(to_input(torch.from_numpy(part)), architecture) for part in _parts(images)]
            ).numpy()
        worst = max(worst, float(np.abs(exported - own).max() / np.abs(own).max()))
        same += int((exported.argmax(1) == own.argmax(1)).sum())
        checked += len(images)
    return {"networks": 20, "images": len(images), "largest_difference_over_scale": worst, "same_top1": same / checked}


def is_same(figures: dict[str, Any]) -> bool:
    """Whether exported networks answer as PyTorch does; a difference that is not a number does not."""
    return bool(figures["largest_difference_over_scale"] <= MOST_DIFFERENCE and figures["same_top1"] == 1.0)


def card(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the artefact's card says of errors."""
    del arguments
    whole = dict(read_artefact(PRETRAINED / SPACE, load_space(SPACE)).card)
    return {name: whole[name] for name in ("validation_top1", "front_on_test_images", "date", "trained_on")}


def norms(arguments: argparse.Namespace) -> dict[str, Any]:
    """Accuracy and rank agreement of random sub-networks under five treatments of batch-norm statistics."""
    recipe = Recipe()
    dataset = read_dataset(arguments.dataset, held_out=recipe.held_out, seed=recipe.seed)
    space = load_space(SPACE)
    images = dataset.validation.take(np.arange(arguments.images))
    real = to_input(torch.from_numpy(dataset.train.images[:RECALIBRATION_IMAGES]))
    made = to_input(torch.from_numpy(made_images(RECALIBRATION_IMAGES, space.input_shape)))
    paths = [
        space.architecture(genome) for genome in random_genomes(space, arguments.networks, np.random.default_rng(5))
    ]
    errors: dict[str, npt.NDArray[np.float64]] = {}
    for phase in ("before-freeze", "after"):
        supernet = Supernet(space)
        suffix = ".before-freeze" if phase == "before-freeze" else ""
        read_checkpoint(arguments.folder / f"checkpoint{suffix}.safetensors", supernet, None)
        for name, calibration in (
            ("as they are", None),
            ("recalibrated, real images", real),
            ("recalibrated, made images", made),
        ):
            errors[f"{phase}: statistics {name}"] = _errors(supernet, paths, images, calibration)
            sys.stderr.write(f"{phase}, {name}: done\n")
    reference = errors["after: statistics recalibrated, real images"]
    return {"networks": len(paths), "images": len(images)} | {
        name: {
            "mean_top1": round(1 - float(values.mean()), 4),
            "best_top1": round(1 - float(values.min()), 4),
            "tau_to_recalibrated_after": round(float(kendalltau(values, reference).statistic), 3),
        }
        for name, values in errors.items()
    }


def made_images(n: int, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Images `(n, *shape)` made without any dataset: noise with the 1/f amplitude spectrum of natural scenes.

    Field 1987: the amplitude of natural images falls with frequency. Channels share most of the noise (grey dominates).
    """
    rng = np.random.default_rng(0)
    channels, size, _ = shape
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :])
    frequency[0, 0] = 1.0 / size
    noise = rng.standard_normal((n, 1, size, size)) + 0.4 * rng.standard_normal((n, channels, size, size))
    shaped = np.fft.ifft2(np.fft.fft2(noise) / frequency).real
    shaped /= shaped.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(120 + 60 * shaped, 0, 255).astype(np.uint8)


@torch.no_grad()
def _errors(
    supernet: Supernet, paths: list[Architecture], images: LabelledImages, calibration: Tensor | None
) -> npt.NDArray[np.float64]:
    kept = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    found = []
    for path in paths:
        if calibration is not None:
            measure_statistics(supernet, [(part, path) for part in torch.split(calibration, 128)])
        supernet.eval()
        supernet.frozen_statistics = True
        wrong = sum(int((supernet(x, path).argmax(1) != y).sum()) for x, y in batches(images, 500))
        found.append(wrong / len(images))
        supernet.load_state_dict(kept)
    return np.array(found)


def _images(arguments: argparse.Namespace) -> npt.NDArray[np.uint8]:
    if arguments.dataset is None:
        return made_images(1000, load_space(SPACE).input_shape)
    recipe = Recipe()
    return read_dataset(arguments.dataset, held_out=recipe.held_out, seed=recipe.seed).validation.images[:1000]


def _parts(images: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    return (images[start : start + 250] for start in range(0, len(images), 250))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.supernet", description=__doc__)
    parser.add_argument("figure", choices=sorted(FIGURES))
    parser.add_argument("--dataset", type=Path, help="image archive; `parity` goes without, on made images")
    parser.add_argument(
        "--folder", type=Path, help="a training's folder, for `norms`, `ranking`, `recipes` and `alone`"
    )
    parser.add_argument("--table", type=Path, help="nas_bench_macro.npz, for `ranking`")
    parser.add_argument("--scores", type=Path, help="write scores of `ranking` here, for benchmarks.predictor --prior")
    parser.add_argument("--networks", type=int, default=40, help="random networks of `norms` and `ranking`")
    parser.add_argument("--images", type=int, default=1000, help="validation images of `norms` and `ranking`")
    parser.add_argument("--epochs", type=float, default=8.0, help="of every training of `alone` and `recipes`")
    parser.add_argument("--training-images", type=int, default=10_000, help="of `alone` and `recipes`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser


FIGURES = {
    "parity": parity,
    "card": card,
    "norms": norms,
    "ranking": ranking,
    "front": front,
    "alone": alone,
    "recipes": recipes,
    "speed": speed,
}


if __name__ == "__main__":
    sys.exit(main())
