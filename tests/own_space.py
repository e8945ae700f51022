"""A space of a user: the tiny space under another name, with an untrained supernet as `lutnas train` writes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import search
from search import read_chain_space
from tests.service_world import SPACE, write_supernet

NAME = "mine"
_TINY = Path(search.__file__).parent / "space" / "catalogue" / f"{SPACE}.json"


def write_definition(path: Path, name: str = NAME, **changes: object) -> Path:
    """A space file like the tiny space's, with other values for some of its fields."""
    content = json.loads(_TINY.read_text(encoding="utf-8")) | {"name": name} | changes
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_own_artefact(folder: Path, name: str = NAME, **changes: object) -> Path:
    """The folder of an artefact with its space's definition; `changes` must leave the weights' shapes as they are."""
    written = write_supernet(folder / "made") / SPACE
    artefact = folder / f"{name}-artefact"
    shutil.move(written, artefact)
    space = read_chain_space(write_definition(artefact / "space.json", name, **changes))
    card = json.loads((artefact / "card.json").read_text(encoding="utf-8"))
    card |= {"space": name, "space_sha256": space.sha256}
    (artefact / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return artefact
