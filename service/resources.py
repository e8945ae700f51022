"""Loads spaces, supernets, predictors and tables from the package and the data folder.

Called by `bootstrap.py` in the server and by `jobs/runner.py` in a search's own process: files cross the border between
processes, objects do not.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

import search
from latency_tables import MeasurementPlan, shipped_tables
from search import (
    ErrorPredictor,
    SearchError,
    SearchResources,
    Space,
    SpaceFileError,
    SupernetArtefact,
    export_onnx,
    few_shot_plan,
    known_spaces,
    load_space,
    measurement_plan,
    read_artefact,
)
from service.catalogue import Catalogue, SpaceEntry, Supernet, operator_keys
from service.jobs.order import SearchOrder
from service.plans import Plans
from service.space_folder import find_space, locked, read_space_folder, space_folders
from service.space_shelf import SpaceShelf
from service.table_shelf import TableShelf

_LOG = logging.getLogger("lutnas.tables")
_SHIPPED = Path(search.__file__).parent / "pretrained"


def load_catalogue(tables_dir: Path, pretrained: Path | None = None) -> Catalogue:
    """Every shipped space with its supernet (from `pretrained`, or the shipped ones), the user's, and usable tables.

    The user's spaces lie beside `tables_dir`; one that is damaged is told in the log and left out.

    Raises:
        SpaceFileError, ArtefactError, TableFileError: a shipped file is damaged; names it and says why.
        PredictorError: a supernet has too few evaluations.
    """
    spaces = {name: load_space(name) for name in known_spaces()}
    entries = {name: SpaceEntry(space, _supernet(space, pretrained), _plans(space)) for name, space in spaces.items()}
    own = SpaceShelf(spaces_beside(tables_dir), _own_entry)
    shelf = _shelf([*spaces.values(), *(entry.space for entry in own.entries().values())], tables_dir)
    for fault in shelf.damaged():
        # One table of an older version must not keep the service from starting; GET /v1/devices lists it, too.
        _LOG.warning("%s", fault)
    return Catalogue(entries, shelf, own)


def spaces_beside(tables_dir: Path) -> Path:
    """The user's spaces, which share the data folder with the tables."""
    return tables_dir.parent / "spaces"


def load_shelf(tables_dir: Path) -> TableShelf:
    """The tables that a server on this folder would offer; damaged tables and spaces are left out.

    Raises:
        SpaceFileError, TableFileError: a shipped file is damaged.
    """
    spaces_dir = spaces_beside(tables_dir)
    spaces: dict[str, Space] = {name: load_space(name) for name in known_spaces()}
    with locked(spaces_dir):
        for name in space_folders(spaces_dir).keys() - spaces.keys():
            with suppress(SpaceFileError):
                spaces[name] = find_space(name, spaces_dir)
    return _shelf(list(spaces.values()), tables_dir)


def load_space_entry(name: str, tables_dir: Path) -> SpaceEntry:
    """A space, shipped or the user's, with its plans and without its supernet, for who only measures.

    Raises:
        UnknownSpaceError, SpaceFileError: no such space, or it is damaged.
    """
    with locked(spaces_beside(tables_dir)):
        space = find_space(name, spaces_beside(tables_dir))
    return SpaceEntry(space, None, _plans(space))


def load_resources(order: SearchOrder) -> tuple[SearchResources, Supernet]:
    """What one search needs, with the versions of the tables that it was posted with.

    The user's damaged tables are left out, since they may be of another device.

    Raises:
        TableVersionError: a version is gone.
        UnknownSpaceError, SpaceFileError, ArtefactError, PredictorError: as `load_catalogue`.
        NoSupernetError: no supernet was trained for the space.
    """
    name = str(order.request["space"])
    tables_dir = Path(order.tables_dir)
    pretrained = None if order.pretrained_dir is None else Path(order.pretrained_dir)
    entry = _entry_of_order(name, spaces_beside(tables_dir), pretrained, np.array(order.hyperparameters))
    catalogue = Catalogue({name: entry}, _shelf([entry.space], tables_dir))
    # A search that was posted before versions were kept takes the tables that are here now.
    tables = catalogue.tables_for(name, order.request.get("tables"))
    return catalogue.resources(name, tables), catalogue.supernet(entry)


def _entry_of_order(
    name: str, spaces_dir: Path, pretrained: Path | None, hyperparameters: npt.NDArray[np.float64]
) -> SpaceEntry:
    """The user's space, or the shipped one where it is damaged, as in the server's catalogue."""
    if name in space_folders(spaces_dir):
        try:
            with locked(spaces_dir):
                return _own_entry(spaces_dir / name, hyperparameters)
        except SearchError:
            if name not in known_spaces():
                raise
    space = load_space(name)
    return SpaceEntry(space, _supernet(space, pretrained, hyperparameters), _plans(space))


def _own_entry(folder: Path, hyperparameters: npt.NDArray[np.float64] | None = None) -> SpaceEntry:
    space, artefact = read_space_folder(folder)
    return SpaceEntry(space, _of_artefact(artefact, space, hyperparameters), _plans(space))


def _supernet(
    space: Space, pretrained: Path | None, hyperparameters: npt.NDArray[np.float64] | None = None
) -> Supernet | None:
    directory = (pretrained or _SHIPPED) / space.name
    if not directory.is_dir():
        return None
    return _of_artefact(read_artefact(directory, space), space, hyperparameters)


def _of_artefact(artefact: SupernetArtefact, space: Space, hyperparameters: npt.NDArray[np.float64] | None) -> Supernet:
    measured = artefact.evaluations
    predictor = ErrorPredictor.fit(
        space, measured.genomes, measured.error, hyperparameters, cross_entropy=measured.cross_entropy
    )
    found = tuple(predictor.hyperparameters.tolist())
    return Supernet(artefact.card, artefact.sha256, predictor, found, partial(export_onnx, artefact))


def _shelf(spaces: list[Space], tables_dir: Path) -> TableShelf:
    operators = {space.name: operator_keys(space) for space in spaces}
    return TableShelf(shipped_tables(), tables_dir, operators)


def _plans(space: Space) -> Plans:
    return Plans(partial(_make_plan, space))


def _make_plan(space: Space, networks: int | None) -> MeasurementPlan:
    return measurement_plan(space) if networks is None else few_shot_plan(space, networks)
