"""Faults of a dataset, collected so that a user hears of all of them at once."""

from __future__ import annotations

from search.datasets.names import Parts, shown
from search.errors import DatasetError


class Faults:
    """Everything found wrong with one dataset so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._found: list[str] = []

    def add(self, reason: str, name: str | Parts | None = None) -> None:
        """Note what is wrong, with the dataset or with one of its files."""
        self._found.append(reason if name is None else f"{shown(name)} {reason}")

    def fatal(self, reason: str) -> DatasetError:
        """The error of a fault after which nothing more can be found, with those before it."""
        return DatasetError(self.source, [*self._found, reason])

    def check(self) -> None:
        """End here if anything is wrong.

        Raises:
            DatasetError: with all faults.
        """
        if self._found:
            raise DatasetError(self.source, self._found)
