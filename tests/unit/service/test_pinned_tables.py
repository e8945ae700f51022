"""A search finds the tables it was posted with, whatever has come since."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from latency_tables import LatencyTable, TableFileError, shipped_tables, write_table
from search import load_space
from service.catalogue import Catalogue, refuse_emulated
from service.errors import StorageFullError
from service.jobs.order import SearchOrder, make_order
from service.resources import load_catalogue, load_resources
from service.settings import Settings
from service.table_errors import EmulatedTableError, TableStorageError, TableVersionError
from service.table_shelf import TableShelf, _storage_error
from tests.service_world import DEVICE, REQUEST, SPACE, board_table, build_world
from tests.unit.service.test_job import JOB

OPERATORS = {SPACE: tuple(block.operator_key for block in load_space(SPACE).operators())}


def slower(fixed_ms: float) -> LatencyTable:
    return dataclasses.replace(board_table(), fixed_ms=fixed_ms)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_world(tmp_path_factory.mktemp("pinned"))


@pytest.fixture(scope="module")
def catalogue(world: Settings) -> Catalogue:
    return load_catalogue(world.tables_dir, world.pretrained_dir)


@pytest.fixture
def order(world: Settings, catalogue: Catalogue) -> SearchOrder:
    return make_order(world, catalogue, replace(JOB, effective=REQUEST))


def pinned(order: SearchOrder, sha256: str) -> SearchOrder:
    return replace(order, request=dict(order.request) | {"tables": {DEVICE: sha256}})


def test_a_newer_table_does_not_change_a_search(order: SearchOrder, catalogue: Catalogue) -> None:
    posted_with = catalogue.tables_for(SPACE)[DEVICE]
    version = catalogue.shelf.keep(posted_with)
    catalogue.shelf.publish(slower(9.25))
    assert catalogue.tables_for(SPACE)[DEVICE].fixed_ms == 9.25
    resources, _ = load_resources(pinned(order, version))
    assert resources.tables[DEVICE] == posted_with
    without, _ = load_resources(order)
    assert without.tables[DEVICE].fixed_ms == 9.25


def test_a_search_outlives_the_table_itself(order: SearchOrder, catalogue: Catalogue, world: Settings) -> None:
    version = catalogue.shelf.keep(slower(3.5))
    (world.tables_dir / DEVICE / f"{SPACE}.json").unlink()
    resources, _ = load_resources(pinned(order, version))
    assert resources.tables[DEVICE] == slower(3.5)


def test_a_version_that_is_gone_is_told_by_its_device(order: SearchOrder) -> None:
    with pytest.raises(TableVersionError, match=f"of {DEVICE} for {SPACE}") as caught:
        load_resources(pinned(order, "0" * 64))
    assert caught.value.code == "unknown_table_version"


def test_a_shipped_table_is_found_by_its_version_and_outlives_an_update(tmp_path: Path) -> None:
    shipped = {(DEVICE, SPACE): board_table()}
    shelf = TableShelf(shipped, tmp_path, OPERATORS)
    assert shelf.version(DEVICE, SPACE, board_table().sha256) == board_table()
    shelf.keep(board_table())
    updated = TableShelf({(DEVICE, SPACE): slower(2.0)}, tmp_path, OPERATORS)
    assert updated.version(DEVICE, SPACE, board_table().sha256) == board_table()
    assert updated.tables()[DEVICE, SPACE] == slower(2.0)


def test_putting_a_shipped_table_changes_nothing(tmp_path: Path) -> None:
    shelf = TableShelf({(DEVICE, SPACE): board_table()}, tmp_path, OPERATORS)
    assert not shelf.publish(board_table()).is_new
    assert list(tmp_path.iterdir()) == []


def test_a_table_behind_the_users_own_is_found_by_its_version(tmp_path: Path) -> None:
    shelf = TableShelf({(DEVICE, SPACE): board_table()}, tmp_path, OPERATORS)
    shelf.publish(slower(5.0))
    assert shelf.tables()[DEVICE, SPACE] == slower(5.0)
    assert shelf.version(DEVICE, SPACE, board_table().sha256) == board_table()


def test_a_table_that_lutnas_measure_wrote_becomes_a_version_when_it_is_kept(tmp_path: Path) -> None:
    write_table(board_table(), tmp_path / DEVICE / f"{SPACE}.json")
    shelf = TableShelf({}, tmp_path, OPERATORS)
    assert shelf.versions(DEVICE, SPACE) == ()
    shelf.keep(shelf.tables()[DEVICE, SPACE])
    assert [version.sha256 for version in shelf.versions(DEVICE, SPACE)] == [board_table().sha256]


def test_versions_are_no_tables_of_the_shelf(tmp_path: Path) -> None:
    shelf = TableShelf({}, tmp_path, OPERATORS)
    shelf.publish(board_table())
    assert set(TableShelf({}, tmp_path, OPERATORS).tables()) == {(DEVICE, SPACE)}
    assert shelf.damaged() == ()


def test_tables_that_follow_each_other_at_once_are_told_apart(tmp_path: Path) -> None:
    """The same size within one tick of the file system's clock."""
    shelf = TableShelf({}, tmp_path, OPERATORS)
    for number in range(1, 10):
        shelf.publish(slower(number / 2 + 0.25))
        assert shelf.tables()[DEVICE, SPACE].fixed_ms == number / 2 + 0.25
    assert len(shelf.versions(DEVICE, SPACE)) == 9


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (OSError(28, "No space left on device"), StorageFullError),
        (OSError(5, "Input/output error"), StorageFullError),
        (PermissionError(13, "Permission denied"), TableStorageError),
        (None, TableStorageError),
    ],
)
def test_what_a_disk_says_becomes_a_storage_error(cause: OSError | None, expected: type[Exception]) -> None:
    error = TableFileError("place", "cannot be written")
    error.__cause__ = cause
    assert type(_storage_error(error)) is expected


def test_emulated_tables_are_pointed_at() -> None:
    provenance = dataclasses.replace(board_table().provenance, emulated=True)
    tables = {"real": board_table(), "qemu": dataclasses.replace(board_table(), provenance=provenance)}
    refuse_emulated(tables, ["real"])
    with pytest.raises(EmulatedTableError) as caught:
        refuse_emulated(tables, ["real", "qemu"])
    assert [fault.pointer for fault in caught.value.faults] == ["/devices/1"]


def test_the_shipped_tables_are_not_of_emulated_processors() -> None:
    assert not any(table.provenance.emulated for table in shipped_tables().values())
