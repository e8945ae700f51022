"""A training session: the recipe is planned once, a stopped session goes on to the same bytes, the artefact is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search import SupernetArtefact, load_space
from search.errors import CheckpointError, DatasetError
from search.space.chain import ChainSpace
from search.supernet.training import session
from search.supernet.training.loop import Training
from search.supernet.training.recipe import Recipe
from search.supernet.training.session import TrainingPlan, TrainingReport, train_supernet
from tests.unit.search.supernet.training.training_world import bright_dataset

DATASET = bright_dataset(60)
PLAN = TrainingPlan(epochs=4, networks=81, seed=3)
STEPS = 4


class Stopped(Exception):  # noqa: N818  a test's own, not an error
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer calibration batches than a real training has."""
    monkeypatch.setattr(session, "Recipe", lambda **numbers: Recipe(**{"calibration_batches": 2, **numbers}))
    monkeypatch.setattr(session.Recipe, "batch", Recipe.batch, raising=False)


@pytest.fixture(scope="module")
def tiny() -> ChainSpace:
    return load_space("tiny-cifar10")


def run(space: ChainSpace, folder: Path, plan: TrainingPlan = PLAN) -> tuple[SupernetArtefact, list[TrainingReport]]:
    reports: list[TrainingReport] = []
    return train_supernet(space, DATASET, folder, plan, folder / "out", reports.append), reports


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


def test_it_ends_with_an_artefact_that_tells_what_was_done(tiny: ChainSpace, tmp_path: Path) -> None:
    artefact, reports = run(tiny, tmp_path)
    assert len(np.unique(artefact.evaluations.genomes, axis=0)) == 81
    card = artefact.card
    assert (card["space"], card["steps"], card["classes"]) == (tiny.name, STEPS, list(DATASET.classes))
    assert (card["data"]["training_images"], card["data"]["test_images"]) == (60, 20)
    assert Recipe(**card["recipe"]).epochs == PLAN.epochs
    rows = card["front_on_test_images"]
    assert 1 <= len(rows) <= 5
    assert all(0 <= row[name] <= 1 for row in rows for name in ("expected_top1", "validation_top1", "test_top1"))
    assert reports[-1].phase == "evaluating"
    assert reports[-1].fraction == 1.0


def test_a_stopped_session_goes_on_to_the_same_bytes(
    tiny: ChainSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, tmp_path / "whole")
    step = Training.train_step

    def stopping(training: Training) -> tuple[float, float]:
        if training.step == 2:
            training._save()
            raise Stopped
        return step(training)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", stopping)
        with pytest.raises(Stopped):
            run(tiny, tmp_path / "stopped")
    run(tiny, tmp_path / "stopped")
    whole, resumed = files(tmp_path / "whole"), files(tmp_path / "stopped")
    assert whole["weights.safetensors"] == resumed["weights.safetensors"]
    assert whole["evaluations.npz"] == resumed["evaluations.npz"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [({"epochs": 5.0}, "epochs 4, not 5.0"), ({"seed": 4}, "seed 3, not 4"), ({"hours": 1.0}, "hours")],
)
def test_a_folder_goes_on_only_with_the_plan_it_began_with(
    tiny: ChainSpace, tmp_path: Path, asked: dict[str, float], named: str
) -> None:
    run(tiny, tmp_path)
    with pytest.raises(CheckpointError, match=named):
        run(tiny, tmp_path, replace(PLAN, **asked))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"asked": {}, "recipe": {"speed": 1}}', '{"asked": 5, "recipe": {}}', "\x00"]
)
def test_a_damaged_recipe_is_said(tiny: ChainSpace, tmp_path: Path, content: str) -> None:
    (tmp_path / "recipe.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"recipe\.json.*cannot be read"):
        run(tiny, tmp_path)


def test_a_budget_in_hours_becomes_epochs_once(tiny: ChainSpace, tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=None, hours=1e-7)
    _, reports = run(tiny, tmp_path, plan)
    assert [(report.phase, report.fraction) for report in reports[:2]] == [("timing", 0.0), ("timing", 1.0)]
    assert reports[0].seconds_left is None
    # A third of a millisecond is too short for anything here: the plan says how long it takes.
    assert reports[1].seconds_left > 3600 * plan.hours
    written = json.loads((tmp_path / "recipe.json").read_text(encoding="utf-8"))
    assert written["recipe"]["epochs"] > 0
    _, again = run(tiny, tmp_path, plan)
    assert all(report.phase != "timing" for report in again)


def test_more_time_is_more_epochs(tiny: ChainSpace, tmp_path: Path) -> None:
    found = []
    for hours in (0.05, 5.0):
        budget = session.fit_epochs(tiny, DATASET, Recipe(batch=20), seconds=3600 * hours, networks=81, images=20)
        assert budget.seconds == pytest.approx(3600 * hours, rel=0.01)
        found.append(budget.epochs)
    assert 20 * found[0] < found[1]


def test_images_that_do_not_suit_the_space_are_refused_before_anything_is_written(
    tiny: ChainSpace, tmp_path: Path
) -> None:
    classes = replace(DATASET, classes=("one", "two"))
    with pytest.raises(DatasetError, match="2 classes"):
        train_supernet(tiny, classes, tmp_path, PLAN, tmp_path / "out", lambda report: None)
    assert not list(tmp_path.iterdir())
