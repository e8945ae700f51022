"""A user's space in the data folder: `spaces/<name>/` with its definition and its trained supernet.

Written by `spaces.py`, read by `space_shelf.py` and `resources.py`. Readers and writers lock the folder of all spaces,
so that nobody sees one that is just being replaced.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import search
from search import (
    ChainSpace,
    SpaceFileError,
    SupernetArtefact,
    UnknownSpaceError,
    known_spaces,
    load_space,
    read_artefact,
    read_chain_space,
)

DEFINITION = "space.json"
ARTEFACT_FILES = ("card.json", "weights.safetensors", "evaluations.npz")
_CATALOGUE = Path(search.__file__).parent / "space" / "catalogue"
_LOCK = ".lock"
Stamp = tuple[tuple[int, int, int], ...]
"""Changes when one of a space's files does."""


@contextmanager
def locked(spaces_dir: Path, *, for_writing: bool = False) -> Iterator[None]:
    """Keep writers out, or with `for_writing` everybody else; nothing to lock while there are no spaces.

    Raises:
        OSError: the lock cannot be written.
    """
    if not spaces_dir.is_dir():
        yield
        return
    with (spaces_dir / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if for_writing else fcntl.LOCK_SH)
        yield


def space_folders(spaces_dir: Path) -> dict[str, Stamp]:
    """Names of the user's spaces, damaged ones too, each with its stamp."""
    folders = sorted(spaces_dir.glob("[!.]*/")) if spaces_dir.is_dir() else []
    return {folder.name: _stamp(folder) for folder in folders if folder.is_dir()}


def _stamp(folder: Path) -> Stamp:
    found = []
    for name in (DEFINITION, *ARTEFACT_FILES):
        try:
            stat = (folder / name).stat()
        except OSError:
            continue
        found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


def read_space_folder(folder: Path) -> tuple[ChainSpace, SupernetArtefact]:
    """A user's space and its supernet, all checksums checked.

    Raises:
        SpaceFileError: the definition is damaged, or it has the name of a shipped space and is another one.
        ArtefactError: the supernet is damaged, or of another space.
    """
    path = folder / DEFINITION
    space = read_chain_space(path)
    if space.name != folder.name:
        raise SpaceFileError(str(path), f"defines the space {space.name}, and lies in the folder of {folder.name}")
    check_shipped_name(space, path)
    return space, read_artefact(folder, space)


def check_shipped_name(space: ChainSpace, path: Path) -> None:
    """Refuse another space under the name of a shipped one; the same one may get another supernet.

    Raises:
        SpaceFileError: it is another one.
    """
    if space.name in known_spaces() and load_space(space.name).sha256 != space.sha256:
        reason = f"has the name of the shipped space {space.name}, but is another space. Give it another name"
        raise SpaceFileError(str(path), reason)


def space_file(text: str, spaces_dir: Path) -> Path:
    """The file of a space by its name, the user's or shipped, or by the path of a file that ends in `.json`.

    Raises:
        UnknownSpaceError: no such space; lists the known ones.
    """
    if text.endswith(".json"):
        return Path(text)
    # The name is only compared with known ones, never joined to a path as it comes.
    own = space_folders(spaces_dir)
    if text in own:
        return spaces_dir / text / DEFINITION
    if text not in known_spaces():
        raise UnknownSpaceError(text, tuple(sorted({*known_spaces(), *own})))
    return _CATALOGUE / f"{text}.json"


def find_space(text: str, spaces_dir: Path) -> ChainSpace:
    """The space of `space_file`.

    Raises:
        UnknownSpaceError, SpaceFileError: there is none, or its file is damaged.
    """
    return read_chain_space(space_file(text, spaces_dir))
