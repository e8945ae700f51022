"""`python -m search.supernet.training.finish`: from a checkpoint to an artefact that is read, searched and exported."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from torch import optim

from search import SupernetArtefact, load_space, read_artefact
from search.space import load as catalogue
from search.space.chain import ChainSpace
from search.supernet.training import finish
from search.supernet.training.checkpoint import write_checkpoint
from search.supernet.training.dataset import Dataset
from search.supernet.training.recipe import Recipe
from tests.unit.search.supernet.training.training_world import bright_dataset, randomised

IMAGES = 2 * Recipe.batch
STEPS = Recipe().steps(2)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["finish", *map(str, arguments)])
    return finish.main()


@pytest.fixture(scope="module")
def tiny() -> ChainSpace:
    return load_space("tiny-cifar10")


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Made-up images, whatever archive is asked for."""
    dataset = bright_dataset(IMAGES)
    monkeypatch.setattr(finish, "read_dataset", lambda archive, *, held_out, seed: dataset)
    return dataset


def write_training(folder: Path, tiny: ChainSpace, step: int) -> None:
    """The checkpoint of a training with the default recipe, after `step` steps."""
    supernet = randomised(tiny)
    optimizer = optim.AdamW(supernet.parameters())
    progress = {"step": step, "space": tiny.sha256, "recipe": asdict(Recipe())}
    write_checkpoint(folder / "checkpoint.safetensors", supernet, optimizer, progress)


@pytest.fixture(scope="module")
def finished(tiny: ChainSpace, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, SupernetArtefact]:
    """Exit code and artefact of a training whose checkpoint is at its end."""
    folder = tmp_path_factory.mktemp("run")
    write_training(folder, tiny, STEPS)
    with pytest.MonkeyPatch.context() as patch:
        dataset = bright_dataset(IMAGES)
        patch.setattr(finish, "read_dataset", lambda archive, *, held_out, seed: dataset)
        arguments = ("--space", tiny.name, "--dataset", "made-up.tar", "--folder", folder, "--out", folder / "out")
        code = run(patch, *arguments, "--networks", 81)
    return code, read_artefact(folder / "out", tiny)


def test_an_artefact_of_all_networks_is_written(finished: tuple[int, SupernetArtefact], tiny: ChainSpace) -> None:
    code, artefact = finished
    assert code == 0
    assert len(np.unique(artefact.evaluations.genomes, axis=0)) == 81
    assert artefact.classes == bright_dataset(10).classes


def test_the_card_tells_what_was_done(finished: tuple[int, SupernetArtefact], tiny: ChainSpace) -> None:
    card = finished[1].card
    assert (card["space"], card["space_sha256"], card["steps"]) == (tiny.name, tiny.sha256, STEPS)
    assert Recipe(**card["recipe"]) == Recipe()
    assert card["data"]["archive"] == "made up"
    assert (card["data"]["training_images"], card["data"]["test_images"]) == (IMAGES, 20)
    assert card["validation_top1"]["networks"] == 81


def test_the_card_has_networks_of_a_front_on_test_images(finished: tuple[int, SupernetArtefact]) -> None:
    rows = finished[1].card["front_on_test_images"]
    assert 1 <= len(rows) <= 5
    assert len({row["architecture_id"] for row in rows}) == len(rows)
    assert all(0 <= row[name] <= 1 for row in rows for name in ("expected_top1", "validation_top1", "test_top1"))


def test_without_a_checkpoint_there_is_nothing_to_finish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bright: Dataset, tmp_path: Path
) -> None:
    arguments = ("--space", "tiny-cifar10", "--dataset", "made-up.tar", "--folder", tmp_path)
    assert run(monkeypatch, *arguments, "--out", tmp_path / "out") == 2
    assert "checkpoint.safetensors: there is none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unfinished_training_is_not_finished(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bright: Dataset,
    tmp_path: Path,
    tiny: ChainSpace,
) -> None:
    write_training(tmp_path, tiny, STEPS - 1)
    arguments = ("--space", "tiny-cifar10", "--dataset", "made-up.tar", "--folder", tmp_path)
    assert run(monkeypatch, *arguments, "--out", tmp_path / "out") == 2
    assert f"step {STEPS - 1} of {STEPS}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_recipe_than_the_training_had_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bright: Dataset,
    tmp_path: Path,
    tiny: ChainSpace,
) -> None:
    write_training(tmp_path, tiny, STEPS)
    arguments = ("--space", "tiny-cifar10", "--dataset", "made-up.tar", "--folder", tmp_path, "--epochs", 9)
    assert run(monkeypatch, *arguments, "--out", tmp_path / "out") == 2
    assert f"epochs {Recipe.epochs}, not 9" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_dataset_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ("--dataset", tmp_path / "nowhere.tar", "--folder", tmp_path, "--out", tmp_path / "out")
    assert run(monkeypatch, *arguments) == 2
    assert "nowhere.tar" in capsys.readouterr().err


def test_a_space_file_of_a_user_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bright: Dataset, tmp_path: Path
) -> None:
    shipped = Path(catalogue.__file__).parent / "catalogue" / "tiny-cifar10.json"
    (tmp_path / "my.json").write_bytes(shipped.read_bytes())
    arguments = ("--space", tmp_path / "my.json", "--dataset", "made-up.tar", "--folder", tmp_path)
    assert run(monkeypatch, *arguments, "--out", tmp_path / "out") == 2
    assert "nothing to finish" in capsys.readouterr().err
