"""`python -m search.supernet.training`: exit codes and messages, and a whole training of a tiny space."""

from __future__ import annotations

import io
import runpy
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMAND = "search.supernet.training"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of the command, run in this process."""
    monkeypatch.setattr("sys.argv", [COMMAND, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(COMMAND, run_name="__main__")
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred training images less than the recipe's held-out part, ten classes."""
    path = tmp_path_factory.mktemp("images") / "images.tar"
    noise = np.random.default_rng(0)
    with tarfile.open(path, "w") as tar:
        for number in range(120):
            buffer = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(buffer, "PNG")
            member = tarfile.TarInfo(f"{'train' if number < 100 else 'test'}/class{number % 10}/{number}.png")
            member.size = buffer.tell()
            tar.addfile(member, io.BytesIO(buffer.getvalue()))
    return path


def test_a_missing_dataset_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "--dataset", tmp_path / "nowhere.tar.xz", "--folder", tmp_path / "run") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "nowhere.tar.xz" in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("space", "message"),
    [("nowhere", "Known spaces: fbnet-cifar10"), ("../secret", "Known spaces"), ("nowhere.json", "nowhere.json")],
)
def test_an_unknown_space_is_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, space: str, message: str
) -> None:
    folder = tmp_path / "run"
    assert run(monkeypatch, "--space", space, "--dataset", tmp_path / "nowhere", "--folder", folder) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()


def test_a_dataset_that_is_too_small_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, archive: Path
) -> None:
    assert run(monkeypatch, "--space", "tiny-cifar10", "--dataset", archive, "--folder", tmp_path) == 2
    assert "of 100 training images" in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], archive: Path
) -> None:
    assert run(monkeypatch, "--dataset", archive, "--folder", archive) == 2
    assert str(archive) in capsys.readouterr().err


@pytest.mark.parametrize("epochs", ["0", "-1", "1.5", "many", "", "10001", "9" * 5000])
def test_epochs_are_a_whole_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, epochs: str
) -> None:
    assert run(monkeypatch, "--dataset", "x", "--folder", tmp_path, f"--epochs={epochs}") == 2
    assert "whole number" in capsys.readouterr().err


def test_help_tells_what_can_be_chosen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    out = capsys.readouterr().out
    assert all(option in out for option in ("--space", "--dataset", "--folder", "--epochs", "--frozen-epochs"))
