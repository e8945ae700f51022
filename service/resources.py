"""Loads spaces, supernets, predictors and tables from the package and the data folder.

Called by `bootstrap.py` in the server and by `jobs/runner.py` in a search's own process: files cross the border between
processes, objects do not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import search
from latency_tables import OperatorKey, shipped_tables, write_plan
from search import (
    ErrorPredictor,
    SearchResources,
    Space,
    export_onnx,
    known_spaces,
    load_space,
    measurement_plan,
    read_artefact,
)
from service.catalogue import Catalogue, SpaceEntry, Supernet
from service.table_shelf import TableShelf

PRETRAINED = Path(search.__file__).parent / "pretrained"
_PREDICTOR_SEED = 0


def load_catalogue(tables_dir: Path, pretrained: Path = PRETRAINED) -> Catalogue:
    """Every shipped space with its supernet, and all tables.

    Raises:
        SpaceFileError, ArtefactError, TableFileError: a file is damaged; names it and says why.
        PredictorError: a supernet has too few evaluations.
    """
    spaces = {name: load_space(name) for name in known_spaces()}
    entries = {
        name: SpaceEntry(space, _supernet(space, pretrained), _plan_maker(space)) for name, space in spaces.items()
    }
    return Catalogue(entries, _shelf(list(spaces.values()), tables_dir))


def load_resources(name: str, tables_dir: Path, pretrained: Path = PRETRAINED) -> tuple[SearchResources, str]:
    """What one search needs, and the sha256 of the supernet used.

    Raises:
        UnknownSpaceError, SpaceFileError, ArtefactError, TableFileError, PredictorError: as `load_catalogue`.
        NoSupernetError: no supernet was trained for the space.
    """
    space = load_space(name)
    entry = SpaceEntry(space, _supernet(space, pretrained), _plan_maker(space))
    catalogue = Catalogue({name: entry}, _shelf([space], tables_dir))
    return catalogue.resources(name), catalogue.supernet(entry).sha256


def _supernet(space: Space, pretrained: Path) -> Supernet | None:
    directory = pretrained / space.name
    if not directory.is_dir():
        return None
    artefact = read_artefact(directory, space)
    evaluations = artefact.evaluations
    predictor = ErrorPredictor.fit(space, evaluations.genomes, evaluations.error, _PREDICTOR_SEED)
    return Supernet(artefact.card, artefact.sha256, predictor, partial(export_onnx, artefact))


def _shelf(spaces: list[Space], tables_dir: Path) -> TableShelf:
    return TableShelf(shipped_tables(), tables_dir, {space.name: _operators(space) for space in spaces})


def _operators(space: Space) -> tuple[OperatorKey, ...]:
    return tuple(block.operator_key for block in space.operators() if block.operator_key is not None)


def _plan_maker(space: Space) -> Callable[[], bytes]:
    return lambda: write_plan(measurement_plan(space))
