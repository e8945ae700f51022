"""Result files and the data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.errors import DataFolderError, ResultDamagedError
from service.storage.artefacts import ResultFiles, replace_file
from service.storage.data_folder import hold_data_folder


@pytest.fixture
def files(tmp_path: Path) -> ResultFiles:
    return ResultFiles(tmp_path)


def test_a_file_reads_back(files: ResultFiles) -> None:
    stored = files.write("srch_a", "front.json", b"content")
    assert stored.size_bytes == 7
    assert files.read("srch_a", stored) == b"content"


def test_a_changed_file_is_refused_with_both_hashes(files: ResultFiles, tmp_path: Path) -> None:
    stored = files.write("srch_a", "front.json", b"content")
    (tmp_path / "srch_a" / "front.json").write_bytes(b"contenT")
    with pytest.raises(ResultDamagedError, match=f"front.json: has sha256 [0-9a-f]{{64}}, written was {stored.sha256}"):
        files.read("srch_a", stored)


def test_a_missing_file_is_refused(files: ResultFiles) -> None:
    stored = files.write("srch_a", "front.json", b"content")
    files.delete("srch_a")
    with pytest.raises(ResultDamagedError, match="cannot be read"):
        files.read("srch_a", stored)


def test_deleting_twice_is_fine(files: ResultFiles) -> None:
    files.delete("srch_a")
    files.delete("srch_a")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "front.json"
    replace_file(path, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["front.json"]


def test_a_data_folder_is_made_and_held_by_one(tmp_path: Path) -> None:
    folder = hold_data_folder(tmp_path / "new" / "data")
    assert (folder.path / "searches").is_dir()
    with pytest.raises(DataFolderError, match=f"process {os.getpid()}"):
        hold_data_folder(folder.path)
    folder.release()
    hold_data_folder(folder.path).release()


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="--data-dir"):
        hold_data_folder(tmp_path / "file" / "data")
