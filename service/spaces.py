"""Adding, replacing and removing the user's spaces in the data folder (`lutnas spaces`)."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search import (
    ChainSpace,
    ErrorPredictor,
    SupernetArtefact,
    evaluate_onnx,
    export_onnx,
    known_spaces,
    read_chain_space,
)
from service.errors import SpaceRefusedError, StorageFullError
from service.space_folder import (
    ARTEFACT_FILES,
    DEFINITION,
    check_shipped_name,
    locked,
    read_space_folder,
    space_file,
    space_folders,
)
from service.storage.data_folder import make_writable

_TRIED_IMAGES = 2


@dataclass(frozen=True)
class Added:
    """A space that was added.

    Attributes:
        replaced: whether the user had one of this name before.
        in_front_of_shipped: whether it is a shipped space with another supernet.
    """

    space: ChainSpace
    replaced: bool
    in_front_of_shipped: bool


def add_space(artefact: Path, space: str | None, spaces_dir: Path, *, replace: bool = False) -> Added:
    """Copy a trained space into the data folder, once everything about it has been checked and a network has run.

    `artefact` is the folder that a training wrote; its space is `space` (a name or a file), or `space.json` in it.

    Raises:
        SpaceRefusedError: it is no folder, or the user has another space of this name and `replace` is not set.
        UnknownSpaceError, SpaceFileError, ArtefactError, PredictorError: something in it is missing or damaged.
        DataFolderError, StorageFullError: the data folder cannot be written; nothing was changed.
    """
    definition = _definition(artefact, space, spaces_dir)
    found = read_chain_space(definition)
    check_shipped_name(found, definition)
    replaced = found.name in space_folders(spaces_dir)
    if replaced and not replace:
        _check_same(found, spaces_dir)
    make_writable(spaces_dir)
    with tempfile.TemporaryDirectory(dir=spaces_dir, prefix=".new-") as temporary:
        copy = Path(temporary) / found.name
        _copy(artefact, definition, copy)
        _try(*read_space_folder(copy))
        _put(copy, spaces_dir / found.name, Path(temporary))
    return Added(found, replaced, found.name in known_spaces())


def remove_space(name: str, spaces_dir: Path) -> None:
    """Remove a user's space with its supernet.

    Raises:
        SpaceRefusedError: the user has none of this name.
        DataFolderError: the data folder cannot be written.
    """
    own = space_folders(spaces_dir)
    if name not in own:
        shipped = "; a shipped one cannot be removed" if name in known_spaces() else ""
        raise SpaceRefusedError(name, f"is not one of yours ({', '.join(own) or 'none'}){shipped}")
    make_writable(spaces_dir)
    with tempfile.TemporaryDirectory(dir=spaces_dir, prefix=".old-") as temporary, locked(spaces_dir, for_writing=True):
        (spaces_dir / name).rename(Path(temporary) / name)


def _definition(artefact: Path, space: str | None, spaces_dir: Path) -> Path:
    """The file of the artefact's space."""
    if not artefact.is_dir():
        raise SpaceRefusedError(str(artefact), "is no folder: give the one that `lutnas train` wrote")
    if space is None:
        beside = artefact / DEFINITION
        if not beside.is_file():
            raise SpaceRefusedError(str(artefact), f"holds no {DEFINITION}: name its space with --space")
        return beside
    return space_file(space, spaces_dir)


def _check_same(space: ChainSpace, spaces_dir: Path) -> None:
    there = read_chain_space(spaces_dir / space.name / DEFINITION)
    if there.sha256 != space.sha256:
        raise SpaceRefusedError(
            space.name, "is one of yours already, with another definition. Give it another name, or add --replace"
        )


def _copy(artefact: Path, definition: Path, copy: Path) -> None:
    copy.mkdir()
    for source, name in [(definition, DEFINITION), *((artefact / name, name) for name in ARTEFACT_FILES)]:
        try:
            shutil.copyfile(source, copy / name)
            with (copy / name).open("rb") as file:
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFullError from error
            raise SpaceRefusedError(str(source), f"cannot be copied ({error.strerror or error})") from error


def _try(space: ChainSpace, artefact: SupernetArtefact) -> None:
    """Fit the predictor and run a network, as a search will."""
    measured = artefact.evaluations
    ErrorPredictor.fit(space, measured.genomes, measured.error, cross_entropy=measured.cross_entropy)
    model = export_onnx(artefact, space.architecture(measured.genomes[0]))
    images = np.random.default_rng(0).integers(0, 256, (_TRIED_IMAGES, *space.input_shape), dtype=np.uint8)
    with np.errstate(invalid="ignore"):  # told below
        outcome = evaluate_onnx(model, images, np.zeros(_TRIED_IMAGES, dtype=np.int64))
    if not np.isfinite(outcome.cross_entropy):
        raise SpaceRefusedError(space.name, "has weights that compute no numbers: train it again")


def _put(copy: Path, place: Path, temporary: Path) -> None:
    with locked(place.parent, for_writing=True):
        if place.exists():
            place.rename(temporary / "before")
        copy.rename(place)
