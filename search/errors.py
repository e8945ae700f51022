"""Everything that can go wrong in the engine.

SearchError
 +-- GenomeError            a genome has the wrong length or a gene out of range
 +-- SpaceFileError         a space file breaks the format
 +-- UnknownSpaceError      no such space in the catalogue
 +-- ArtefactError          a supernet artefact is damaged or does not fit its space
 +-- UnknownObjectiveError  no such objective
 +-- MissingTableError      a device has no latency table for the space
 +-- LimitError             a limit contradicts itself or cannot be reached
 +-- SearchCancelled        the caller asked the engine to stop
 +-- NonFiniteObjectiveError  too many candidates with an objective that is not a number
"""

from __future__ import annotations


class SearchError(Exception):
    """Root of all errors of `search`."""


class GenomeError(SearchError):
    """A genome has the wrong length or a gene out of range."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(f"Genome {row}: {reason}")
        self.row = row
        self.reason = reason


class SpaceFileError(SearchError):
    """A space file breaks the format."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Space file {path}: {reason}")
        self.path = path
        self.reason = reason


class UnknownSpaceError(SearchError):
    """No such space in the catalogue."""

    def __init__(self, space: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Unknown space {space[:80]!r}. Known spaces: {', '.join(known)}.")
        self.space = space
        self.known = known


class ArtefactError(SearchError):
    """A supernet artefact is damaged or does not fit its space."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Supernet artefact {path}: {reason}")
        self.path = path
        self.reason = reason
