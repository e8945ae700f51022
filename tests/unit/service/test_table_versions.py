"""Versions of tables on the disk: by content, never changed, never a path of a client's making."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from latency_tables import LatencyTable, TableFileError, write_table
from service.storage.table_versions import TableVersions
from tests.service_world import DEVICE, SPACE, board_table


@pytest.fixture
def versions(tmp_path: Path) -> TableVersions:
    return TableVersions(tmp_path)


def place(folder: Path, table: LatencyTable) -> Path:
    return folder / table.device / "versions" / table.space / f"{table.sha256}.json"


def slower(fixed_ms: float) -> LatencyTable:
    return dataclasses.replace(board_table(), fixed_ms=fixed_ms)


def test_a_version_is_written_once_and_read_back(versions: TableVersions, tmp_path: Path) -> None:
    table = board_table()
    assert [versions.add(table), versions.add(table)] == [True, False]
    assert place(tmp_path, table).is_file()
    assert versions.read(DEVICE, SPACE, table.sha256) == table


def test_versions_are_listed_the_last_first(versions: TableVersions, tmp_path: Path) -> None:
    tables = [slower(ms) for ms in (1.0, 2.0, 3.0)]
    for number, table in enumerate(tables):
        versions.add(table)
        os.utime(place(tmp_path, table), ns=(number, number))
    assert [version.sha256 for version in versions.of(DEVICE, SPACE)] == [table.sha256 for table in tables[::-1]]
    assert {(version.date, version.kind) for version in versions.of(DEVICE, SPACE)} == {("2026-11-22", "estimated")}


def test_a_version_can_be_taken_back(versions: TableVersions) -> None:
    versions.add(board_table())
    versions.remove(board_table())
    versions.remove(board_table())
    assert versions.of(DEVICE, SPACE) == ()


@pytest.mark.parametrize(
    ("device", "space", "sha256"),
    [
        (DEVICE, SPACE, "0" * 64),
        (DEVICE, SPACE, "../../../etc/passwd"),
        (DEVICE, SPACE, "A" * 64),
        (DEVICE, SPACE, ""),
        ("..", SPACE, "0" * 64),
        (DEVICE, "../..", "0" * 64),
        ("con", SPACE, "0" * 64),
        ("none", SPACE, "0" * 64),
    ],
)
def test_what_is_no_version_is_not_found(versions: TableVersions, device: str, space: str, sha256: str) -> None:
    assert versions.read(device, space, sha256) is None


@pytest.mark.parametrize(("device", "space"), [("..", SPACE), (DEVICE, ".."), ("a/b", SPACE), ("none", SPACE)])
def test_unknown_or_unsafe_names_have_no_versions(versions: TableVersions, device: str, space: str) -> None:
    assert versions.of(device, space) == ()


def test_a_table_with_an_unsafe_name_is_not_kept(versions: TableVersions, tmp_path: Path) -> None:
    with pytest.raises(TableFileError, match="no safe file name"):
        versions.add(board_table(device="con"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_another_table_is_refused(versions: TableVersions, tmp_path: Path) -> None:
    table = board_table()
    versions.add(table)
    write_table(slower(9.0), place(tmp_path, table))
    with pytest.raises(TableFileError, match="another table"):
        versions.read(DEVICE, SPACE, table.sha256)
    assert versions.of(DEVICE, SPACE) == ()


def test_a_damaged_file_is_refused_and_left_out_of_the_list(versions: TableVersions, tmp_path: Path) -> None:
    table, other = board_table(), slower(2.0)
    versions.add(table)
    versions.add(other)
    place(tmp_path, table).write_text("{")
    with pytest.raises(TableFileError):
        versions.read(DEVICE, SPACE, table.sha256)
    assert [version.sha256 for version in versions.of(DEVICE, SPACE)] == [other.sha256]


def test_a_folder_that_cannot_be_written_is_told(versions: TableVersions, tmp_path: Path) -> None:
    (tmp_path / DEVICE).write_text("in the way")
    with pytest.raises(TableFileError, match="cannot be written"):
        versions.add(board_table())
