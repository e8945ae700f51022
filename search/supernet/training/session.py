"""One supernet from beginning to end: plan the recipe, train with checkpoints, evaluate, write a checked artefact.

Called by `lutnas train`. Everything lies in one folder, and calling again with the same arguments goes on where it
was: the recipe is written down before the first step, so that a budget in hours is turned into epochs only once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from latency_tables import replace_file
from search.datasets.labelled import Dataset, check_fits
from search.errors import CheckpointError
from search.space.chain import ChainSpace
from search.supernet.artefact import SupernetArtefact
from search.supernet.training.budget import fit_epochs
from search.supernet.training.finish import write_trained
from search.supernet.training.loop import StepReport, Training
from search.supernet.training.precision import fastest_precision
from search.supernet.training.recipe import Recipe

DEFAULT_EPOCHS = 20.0
_RECIPE = "recipe.json"


@dataclass(frozen=True)
class TrainingPlan:
    """What a training is asked for.

    Attributes:
        epochs: of the whole training; or
        hours: how long everything may take, evaluation included; 20 epochs where neither is given.
        networks: random sub-networks evaluated for the artefact.
        images: validation images they are evaluated on, at most.
        seed: of everything random.
        threads: of the processor.
        start: a checkpoint of the same space to begin with, instead of random weights.
        note: what a reader of the artefact's card must know besides.
    """

    epochs: float | None = None
    hours: float | None = None
    networks: int = 2000
    images: int = 5000
    seed: int = 2026
    threads: int = 1
    start: Path | None = None
    note: str = ""


@dataclass(frozen=True)
class TrainingReport:
    """Where a session stands: `fraction` of its phase, and `seconds_left` of the phase where known.

    After `timing` they are those of everything to come, which may be more than were asked for.
    """

    phase: str
    """`timing`, `training` or `evaluating`."""
    fraction: float
    seconds_left: float | None
    step: StepReport | None = None


OnReport = Callable[[TrainingReport], None]


def train_supernet(
    space: ChainSpace, dataset: Dataset, folder: Path, plan: TrainingPlan, out: Path, on_report: OnReport
) -> SupernetArtefact:
    """Train or go on training in `folder`, then write the artefact to `out`, read it back and return it.

    What `on_report` raises stops the session; the next one goes on from the last checkpoint.

    Raises:
        DatasetError: the images do not suit the space, or are less than one batch.
        CheckpointError: the folder holds a training of another space, plan or dataset, or a damaged checkpoint.
    """
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(space, dataset, _recipe(space, dataset, folder, plan, on_report), folder, plan.start)
    training.run(lambda step: on_report(_training_report(step)))
    return write_trained(
        training,
        out,
        plan.networks,
        plan.images,
        plan.note,
        lambda done, left: on_report(TrainingReport("evaluating", done, left)),
    )


def _training_report(step: StepReport) -> TrainingReport:
    return TrainingReport("training", step.step / step.steps, step.seconds_left, step)


def _recipe(space: ChainSpace, dataset: Dataset, folder: Path, plan: TrainingPlan, on_report: OnReport) -> Recipe:
    """The recipe that the folder's training began with, or a new one, written down."""
    path = folder / _RECIPE
    asked: dict[str, object] = {
        "epochs": plan.epochs,
        "hours": plan.hours,
        "seed": plan.seed,
        "space": space.sha256,
        "training_images": len(dataset.train),
        "validation_images": len(dataset.validation),
        "validation_sha256": dataset.validation.sha256,
    }
    if path.exists():
        return _read_recipe(path, asked)
    batch = min(Recipe.batch, len(dataset.train))
    recipe = Recipe(
        epochs=DEFAULT_EPOCHS if plan.epochs is None else plan.epochs,
        batch=batch,
        held_out=len(dataset.validation),
        seed=plan.seed,
        precision=fastest_precision(),
    )
    check_fits(dataset, space, batch)
    budget = None
    if plan.hours is not None:
        on_report(TrainingReport("timing", 0.0, None))
        seconds = 3600 * plan.hours
        budget = fit_epochs(space, dataset, recipe, seconds=seconds, networks=plan.networks, images=plan.images)
        recipe = replace(recipe, epochs=budget.epochs)
    replace_file(path, (json.dumps({"asked": asked, "recipe": asdict(recipe)}, indent=1) + "\n").encode())
    if budget is not None:
        on_report(TrainingReport("timing", 1.0, budget.seconds))
    return recipe


def _read_recipe(path: Path, asked: dict[str, object]) -> Recipe:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        began, recipe = dict(content["asked"]), Recipe(**content["recipe"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(str(path), f"cannot be read: {error}. Restore it, or train in another folder") from error
    names = sorted(name for name in asked if began.get(name) != asked[name])
    if names:
        listed = ", ".join(f"{name} {str(began.get(name))[:40]}, not {asked[name]}" for name in names)
        raise CheckpointError(str(path), f"it began with {listed}. Ask for the same, or train in another folder")
    return recipe
