"""`lutnas train`: what is refused before a training starts, and what Ctrl+C does."""

from __future__ import annotations

import builtins
import importlib.util
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from search import load_space
from search.errors import CheckpointError
from search.supernet.training import session
from search.supernet.training.session import TrainingReport
from service import cli_train
from service.cli import main
from service.cli_options import lenient_console
from tests.own_space import write_definition
from tests.service_world import SPACE
from tests.unit.search.datasets.conftest import as_tar, image

IMAGES = {
    f"class{place}/{number}.png": image((25 * place, number, 7), (32, 32)) for place in range(10) for number in range(3)
}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return as_tar(tmp_path / "pictures.tar", IMAGES)


def train(tmp_path: Path, *arguments: object) -> Result:
    given = ("train", "--folder", tmp_path / "run", "--epochs", 1, *arguments)
    return CliRunner().invoke(main, [*map(str, given)])


def refused(tmp_path: Path, *arguments: object, code: int = 2) -> str:
    result = train(tmp_path, *arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()
    return result.output


def test_without_torch_the_extra_is_named(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = refused(tmp_path, "--space", SPACE, "--dataset", dataset)
    assert message.strip() == (
        "lutnas train needs PyTorch, which is not installed: pip install '.[train]' -c constraints.txt in a clone of"
        " lutnas, or pip install 'lutnas[train]' where it came from a package index"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--space", "nowhere"], "Unknown space"),
        (["--space", "nowhere.json"], "nowhere.json"),
        (["--space", SPACE, "--hours", "1"], "--hours or --epochs, not both"),
        (["--space", SPACE, "--hours", "nan"], "Invalid value for '--hours'"),
        (["--space", SPACE, "--validation-share", "0"], "Invalid value"),
        (["--space", SPACE, "--validation-share", "nan"], "Invalid value for '--validation-share'"),
        (["--space", SPACE, "--networks", "3"], "Invalid value"),
        (["--space", SPACE, "--dataset", "/nowhere"], "Dataset /nowhere: cannot be read: No such file"),
        (["--space", SPACE, "--validation-share", "0.001"], "cannot hold 0.001 of 30"),
    ],
)
def test_what_is_refused(tmp_path: Path, data_dir: Path, dataset: Path, arguments: list[str], words: str) -> None:
    assert words in refused(tmp_path, "--dataset", dataset, *arguments)


def test_a_space_that_the_images_do_not_suit(tmp_path: Path, data_dir: Path, dataset: Path) -> None:
    wider = write_definition(tmp_path / "wider.json", input=[3, 64, 64])
    message = refused(tmp_path, "--dataset", dataset, "--space", wider)
    assert "its images are 32 x 32, and 64 x 64 are needed" in message
    assert "--resize" in message


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A session that reports, and has Ctrl+C pressed before its second report."""
    reached: list[str] = []

    def pressed(space, dataset, folder, plan, out, on_report) -> None:
        on_report(TrainingReport("training", 0.1, 90.0))
        reached.append("first")
        signal.raise_signal(signal.SIGINT)
        reached.append("pressed")
        on_report(TrainingReport("training", 0.2, 80.0))
        reached.append("never")

    monkeypatch.setattr(session, "train_supernet", pressed)
    return reached


def test_ctrl_c_ends_at_the_next_report_and_tells_how_to_go_on(
    tmp_path: Path, data_dir: Path, dataset: Path, no_training: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["lutnas", "train", "--space", "a b"])
    before = signal.getsignal(signal.SIGINT)
    result = train(tmp_path, "--space", SPACE, "--dataset", dataset)
    assert result.exit_code == 130
    assert no_training == ["first", "pressed"]
    assert "Saved. To go on: lutnas train --space 'a b'" in result.output
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("count", "told"), [(499, "Only 499 validation images: errors"), (500, None)])
def test_few_validation_images_are_worth_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, told: str | None
) -> None:
    few = SimpleNamespace(classes=("a", "b"), train=range(4000), validation=range(count), test=range(500))
    monkeypatch.setattr("search.read_dataset", lambda *_, **__: few)
    request = cli_train._Request("s", Path("d"), Path("f"), None, 1, 20, 0.1, False, None, 1, 1)
    assert cli_train._images(request, load_space(SPACE), lenient_console()) is few
    said = capsys.readouterr().out
    assert "4000 images to train" in said
    assert (told in said and "to about 2 points" in said) if told else "Only" not in said


@pytest.mark.parametrize("place", ["importlib.util.find_spec", "search.read_chain_space", "search.read_dataset"])
def test_ctrl_c_before_the_training_is_one_line(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(place, lambda *_, **__: signal.raise_signal(signal.SIGINT))
    message = refused(tmp_path, "--space", SPACE, "--dataset", dataset, code=130)
    assert message.strip() == "Stopped."


def test_ctrl_c_while_the_packages_are_imported_is_one_line(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def pressed(name: str, *rest: Any) -> object:
        if name == "latency_tables":
            signal.raise_signal(signal.SIGINT)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", pressed)
    message = refused(tmp_path, "--space", SPACE, "--dataset", dataset, code=130)
    assert message.strip() == "Stopped."


def test_a_second_ctrl_c_ends_at_once(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed_twice(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on")

    monkeypatch.setattr(session, "train_supernet", pressed_twice)
    result = train(tmp_path, "--space", SPACE, "--dataset", dataset)
    assert result.exit_code == 130
    assert "the last checkpoint stays" in result.output


def test_faults_of_a_training_are_one_line(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise CheckpointError("x", "is damaged")

    monkeypatch.setattr(session, "train_supernet", fail)
    assert "lutnas train failed. Checkpoint x: is damaged" in refused(tmp_path, "--space", SPACE, "--dataset", dataset)


def test_a_folder_that_is_a_file_is_said(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        (tmp_path / "pictures.tar" / "run").mkdir()

    monkeypatch.setattr(session, "train_supernet", fail)
    assert "pictures.tar/run" in refused(tmp_path, "--space", SPACE, "--dataset", dataset)


def test_a_space_file_that_is_edited_meanwhile_is_kept_as_it_was(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = write_definition(tmp_path / "mine.json")
    as_trained = definition.read_bytes()

    def edited(space, images, folder, plan, out, on_report) -> SimpleNamespace:
        out.mkdir(parents=True)
        definition.unlink()
        return SimpleNamespace(evaluations=SimpleNamespace(error=np.array([0.4, 0.25])))

    monkeypatch.setattr(session, "train_supernet", edited)
    result = train(tmp_path, "--space", definition, "--dataset", dataset)
    assert result.exit_code == 0, result.output
    assert "2 networks evaluated: top-1 60.0% to 75.0%" in result.output
    assert (tmp_path / "run" / "artefact" / "space.json").read_bytes() == as_trained


@pytest.mark.parametrize(("hours", "is_said"), [(0.2, True), (0.25, False), (2.0, False)])
def test_hours_that_are_too_short_are_said_before_the_training(
    tmp_path: Path, data_dir: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, hours: float, is_said: bool
) -> None:
    def timed(space, images, folder, plan, out, on_report) -> None:
        on_report(TrainingReport("timing", 0.0, None))
        on_report(TrainingReport("timing", 1.0, 900.0))
        raise CheckpointError("x", "ends here")

    monkeypatch.setattr(session, "train_supernet", timed)
    arguments = ["--folder", tmp_path / "run", "--space", SPACE, "--dataset", dataset, "--hours", hours]
    result = CliRunner().invoke(main, ["train", *map(str, arguments), "--networks", "30"])
    said = "--hours 0.2 is too short: the shortest training, with 30 networks to evaluate, takes about 15 min"
    assert (said in result.output) is is_said
    assert ("too short" in result.output) is is_said
