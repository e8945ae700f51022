"""The catalogue: shipped spaces by name.

Called by the service, by benchmarks and by the programs that train a supernet.
"""

from __future__ import annotations

from pathlib import Path

from search.errors import UnknownSpaceError
from search.space.chain import ChainSpace, read_chain_space

_CATALOGUE = Path(__file__).parent / "catalogue"


def known_spaces() -> tuple[str, ...]:
    """Names of the shipped spaces, sorted."""
    return tuple(sorted(path.stem for path in _CATALOGUE.glob("*.json")))


def load_space(name: str) -> ChainSpace:
    """Read a shipped space.

    Raises:
        UnknownSpaceError: no such space; lists the known ones.
        SpaceFileError: its file is damaged.
    """
    # The name is only compared with known ones, never joined to a path as it comes.
    if name not in known_spaces():
        raise UnknownSpaceError(name, known_spaces())
    return read_chain_space(_CATALOGUE / f"{name}.json")


def load_named_space(text: str) -> ChainSpace:
    """Read a shipped space by its name, or a user's space file by a path that ends in `.json`.

    Raises:
        UnknownSpaceError: no such space; lists the known ones.
        SpaceFileError: the file cannot be read or breaks the format.
    """
    return read_chain_space(Path(text)) if text.endswith(".json") else load_space(text)
