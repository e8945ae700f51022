"""The user's spaces in a running catalogue: they come, change and go; damaged ones stop nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from latency_tables import write_table
from service.errors import UnknownNameError
from service.jobs.order import SearchOrder
from service.resources import load_catalogue, load_resources, load_shelf, load_space_entry
from service.settings import Settings
from service.spaces import add_space, remove_space
from tests.own_space import NAME, write_own_artefact
from tests.service_world import DEVICE, SPACE, board_table, build_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own_artefact(tmp_path_factory.mktemp("made"))


@pytest.fixture
def world(tmp_path: Path) -> Settings:
    return build_world(tmp_path)


def own_table(settings: Settings) -> None:
    table = board_table()
    own = type(table)(
        DEVICE, NAME, table.fixed_ms, table.covers, table.operator_ms, table.provenance, None, table.uncertainty
    )
    write_table(own, settings.tables_dir / DEVICE / f"{NAME}.json")


def test_a_space_comes_and_goes_while_the_catalogue_is_in_use(world: Settings, made: Path) -> None:
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    own_table(world)
    with pytest.raises(UnknownNameError):
        catalogue.requested(NAME)
    add_space(made, None, world.spaces_dir)
    assert catalogue.requested(NAME).space.name == NAME
    assert catalogue.entry(NAME) is catalogue.entry(NAME)
    assert DEVICE in catalogue.tables_for(NAME)
    assert DEVICE in catalogue.tables_for(SPACE)
    remove_space(NAME, world.spaces_dir)
    assert NAME not in catalogue.names


def test_a_table_that_lacks_operators_of_an_added_space_is_told(world: Settings, made: Path) -> None:
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    table = board_table("fbnet-cifar10")
    wrong = type(table)(
        DEVICE, NAME, table.fixed_ms, table.covers, table.operator_ms, table.provenance, None, table.uncertainty
    )
    write_table(wrong, world.tables_dir / DEVICE / f"{NAME}.json")
    add_space(made, None, world.spaces_dir)
    assert DEVICE not in catalogue.tables_for(NAME)
    assert any(f"{NAME}.json" in fault.path for fault in catalogue.shelf.damaged())


def test_a_damaged_space_stops_nothing_and_is_logged(
    world: Settings, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_space(made, None, world.spaces_dir)
    (world.spaces_dir / NAME / "evaluations.npz").write_bytes(b"damaged")
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    assert NAME not in catalogue.names
    assert SPACE in catalogue.names
    assert f"space {NAME} is left out" in caplog.text
    shutil.copy(made / "evaluations.npz", world.spaces_dir / NAME)
    assert NAME in catalogue.names


def test_a_supernet_of_the_user_stands_in_front_of_the_shipped_one(world: Settings, tmp_path: Path) -> None:
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    before = catalogue.entry(SPACE)
    add_space(write_own_artefact(tmp_path, SPACE), None, world.spaces_dir)
    assert catalogue.entry(SPACE) is not before
    remove_space(SPACE, world.spaces_dir)
    assert catalogue.entry(SPACE) is before


def test_a_search_and_a_measurement_see_the_same_spaces(world: Settings, made: Path) -> None:
    own_table(world)
    add_space(made, None, world.spaces_dir)
    catalogue = load_catalogue(world.tables_dir, world.pretrained_dir)
    found = catalogue.supernet(catalogue.entry(NAME))
    order = SearchOrder("1", {"space": NAME}, str(world.tables_dir), None, found.hyperparameters, 0)
    resources, supernet = load_resources(order)
    assert (resources.space.name, set(resources.tables)) == (NAME, {DEVICE})
    assert supernet.sha256 == found.sha256
    assert load_space_entry(NAME, world.tables_dir).space.sha256 == resources.space.sha256
    assert (DEVICE, NAME) in load_shelf(world.tables_dir).tables()
