"""Loads spaces, supernets, predictors and tables from the package and the data folder.

Called by `bootstrap.py` in the server and by `jobs/runner.py` in a search's own process: files cross the border between
processes, objects do not.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

import search
from latency_tables import MeasurementPlan, OperatorKey, shipped_tables
from search import (
    ErrorPredictor,
    SearchResources,
    Space,
    export_onnx,
    few_shot_plan,
    known_spaces,
    load_space,
    measurement_plan,
    read_artefact,
)
from service.catalogue import Catalogue, SpaceEntry, Supernet
from service.jobs.order import SearchOrder
from service.plans import Plans
from service.table_shelf import TableShelf

_LOG = logging.getLogger("lutnas.tables")
_SHIPPED = Path(search.__file__).parent / "pretrained"


def load_catalogue(tables_dir: Path, pretrained: Path | None = None) -> Catalogue:
    """Every shipped space with its supernet (from `pretrained`, or the shipped ones), and all usable tables.

    Raises:
        SpaceFileError, ArtefactError, TableFileError: a shipped file is damaged; names it and says why.
        PredictorError: a supernet has too few evaluations.
    """
    spaces = {name: load_space(name) for name in known_spaces()}
    entries = {name: SpaceEntry(space, _supernet(space, pretrained), _plans(space)) for name, space in spaces.items()}
    shelf = _shelf(list(spaces.values()), tables_dir)
    for fault in shelf.damaged():
        # One table of an older version must not keep the service from starting; GET /v1/devices lists it, too.
        _LOG.warning("%s", fault)
    return Catalogue(entries, shelf)


def load_shelf(tables_dir: Path) -> TableShelf:
    """The tables that a server on this folder would offer, for every shipped space; damaged ones are left out.

    Raises:
        SpaceFileError, TableFileError: a shipped file is damaged.
    """
    return _shelf([load_space(name) for name in known_spaces()], tables_dir)


def load_space_entry(name: str) -> SpaceEntry:
    """A space with its plans and without its supernet, for who only measures.

    Raises:
        UnknownSpaceError, SpaceFileError: as `load_space`.
    """
    space = load_space(name)
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
    space = load_space(name)
    pretrained = None if order.pretrained_dir is None else Path(order.pretrained_dir)
    supernet = _supernet(space, pretrained, np.array(order.hyperparameters))
    entry = SpaceEntry(space, supernet, _plans(space))
    catalogue = Catalogue({name: entry}, _shelf([space], Path(order.tables_dir)))
    # A search that was posted before versions were kept takes the tables that are here now.
    tables = catalogue.tables_for(name, order.request.get("tables"))
    return catalogue.resources(name, tables), catalogue.supernet(entry)


def _supernet(
    space: Space, pretrained: Path | None, hyperparameters: npt.NDArray[np.float64] | None = None
) -> Supernet | None:
    directory = (pretrained or _SHIPPED) / space.name
    if not directory.is_dir():
        return None
    artefact = read_artefact(directory, space)
    measured = artefact.evaluations
    predictor = ErrorPredictor.fit(
        space, measured.genomes, measured.error, hyperparameters, cross_entropy=measured.cross_entropy
    )
    found = tuple(predictor.hyperparameters.tolist())
    return Supernet(artefact.card, artefact.sha256, predictor, found, partial(export_onnx, artefact))


def _shelf(spaces: list[Space], tables_dir: Path) -> TableShelf:
    operators = {space.name: _operators(space) for space in spaces}
    return TableShelf(shipped_tables(), tables_dir, operators)


def _operators(space: Space) -> tuple[OperatorKey, ...]:
    return tuple(block.operator_key for block in space.operators() if block.operator_key is not None)


def _plans(space: Space) -> Plans:
    return Plans(partial(_make_plan, space))


def _make_plan(space: Space, networks: int | None) -> MeasurementPlan:
    return measurement_plan(space) if networks is None else few_shot_plan(space, networks)
