"""Tables that come, change, go and break while the server runs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from latency_tables import LatencyTable, write_table
from search import load_space
from service.table_shelf import TableShelf
from tests.service_world import DEVICE, SPACE, board_table

OPERATORS = {SPACE: tuple(block.operator_key for block in load_space(SPACE).operators())}


def place(folder: Path, device: str = DEVICE, space: str = SPACE) -> Path:
    return folder / device / f"{space}.json"


def shelf(folder: Path, shipped: dict[tuple[str, str], LatencyTable] | None = None) -> TableShelf:
    return TableShelf(shipped or {}, folder, OPERATORS)


def test_an_empty_or_missing_folder_is_fine(tmp_path: Path) -> None:
    assert shelf(tmp_path / "missing").tables() == {}


def test_a_table_that_comes_later_is_found(tmp_path: Path) -> None:
    tables = shelf(tmp_path)
    write_table(board_table(), place(tmp_path))
    assert tables.tables() == {(DEVICE, SPACE): board_table()}


def test_a_table_that_changes_or_goes_is_noticed(tmp_path: Path) -> None:
    write_table(board_table(), place(tmp_path))
    tables = shelf(tmp_path)
    slower = dataclasses.replace(board_table(), fixed_ms=9.25)
    write_table(slower, place(tmp_path))
    assert tables.tables()[DEVICE, SPACE].fixed_ms == 9.25
    place(tmp_path).unlink()
    assert tables.tables() == {}


def test_an_unchanged_table_is_not_read_again(tmp_path: Path) -> None:
    write_table(board_table(), place(tmp_path))
    tables = shelf(tmp_path)
    assert tables.tables()[DEVICE, SPACE] is tables.tables()[DEVICE, SPACE]


def test_the_users_table_stands_before_a_shipped_one(tmp_path: Path) -> None:
    own = dataclasses.replace(board_table(), fixed_ms=7.5)
    write_table(own, place(tmp_path))
    assert shelf(tmp_path, {(DEVICE, SPACE): board_table()}).tables()[DEVICE, SPACE].fixed_ms == 7.5


def test_the_damaged_table_of_one_device_leaves_the_others(tmp_path: Path) -> None:
    write_table(board_table(), place(tmp_path))
    damaged = place(tmp_path, device="other")
    damaged.parent.mkdir()
    damaged.write_text("{")
    tables = shelf(tmp_path)
    assert tables.tables() == {(DEVICE, SPACE): board_table()}
    assert [fault.path for fault in tables.damaged()] == [str(damaged)]


def test_a_table_damaged_later_is_told_and_not_used(tmp_path: Path) -> None:
    write_table(board_table(), place(tmp_path))
    tables = shelf(tmp_path)
    content = place(tmp_path).read_text()
    place(tmp_path).write_text(content[:500])
    assert tables.tables() == {}
    (fault,) = tables.damaged()
    assert fault.path == str(place(tmp_path))
    write_table(board_table(), place(tmp_path))
    os.utime(place(tmp_path), ns=(1, 1))
    assert tables.tables() != {}
    assert tables.damaged() == ()


def refusal(folder: Path) -> str:
    """Why the one table of a folder is not used."""
    tables = shelf(folder)
    assert tables.tables() == {}
    (fault,) = tables.damaged()
    return str(fault)


def test_a_table_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    write_table(board_table(), place(tmp_path, device="other"))
    assert f"must lie at {DEVICE}/{SPACE}.json" in refusal(tmp_path)


def test_a_table_that_lacks_an_operator_is_refused(tmp_path: Path) -> None:
    rows = dict(board_table().operator_ms)
    del rows[min(rows, key=str)]
    write_table(dataclasses.replace(board_table(), operator_ms=rows, uncertainty=None), place(tmp_path))
    assert "lacks 1 operators of tiny-cifar10" in refusal(tmp_path)


def test_tables_of_spaces_that_are_not_offered_are_left_out(tmp_path: Path) -> None:
    other = dataclasses.replace(board_table(), space="other-space")
    write_table(other, place(tmp_path, space="other-space"))
    assert shelf(tmp_path, {(DEVICE, "third-space"): other}).tables() == {}


def test_the_table_that_is_replaced_is_kept_as_a_version(tmp_path: Path) -> None:
    """Whatever wrote it: no measurement is lost."""
    write_table(board_table(), place(tmp_path))
    tables = shelf(tmp_path)
    published = tables.publish(dataclasses.replace(board_table(), fixed_ms=9.25))
    assert (published.is_new, published.before) == (True, board_table())
    assert tables.version(DEVICE, SPACE, board_table().sha256) == board_table()


def test_a_table_that_came_while_another_program_looked_away_is_kept_too(tmp_path: Path) -> None:
    tables = shelf(tmp_path)
    assert tables.tables() == {}
    write_table(board_table(), place(tmp_path))
    assert tables.publish(dataclasses.replace(board_table(), fixed_ms=9.25)).before == board_table()
    assert len(tables.versions(DEVICE, SPACE)) == 2


def test_a_shipped_table_stays_shipped_and_is_told(tmp_path: Path) -> None:
    tables = shelf(tmp_path, {(DEVICE, SPACE): board_table()})
    assert tables.publish(dataclasses.replace(board_table(), fixed_ms=9.25)).before == board_table()
    assert len(tables.versions(DEVICE, SPACE)) == 1


def test_other_devices_are_those_of_the_space_that_are_real(tmp_path: Path) -> None:
    unreal = dataclasses.replace(board_table().provenance, emulated=True)
    found = [
        board_table(),
        board_table(device="own"),
        dataclasses.replace(board_table(device="qemu"), provenance=unreal),
    ]
    other = dataclasses.replace(board_table(device="elsewhere"), space="fbnet-cifar10")
    tables = shelf(tmp_path, {(table.device, table.space): table for table in [*found, other]})
    assert tables.others("own", SPACE) == [board_table()]
