"""A published table as a task: find the front of an error and a cost with few evaluations. Scored by hypervolume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from search import TabularSpace, read_tabular_space
from search.front.pareto import non_dominated

REFERENCE = 1.1


@dataclass(frozen=True)
class Task:
    """Error as a fraction and cost in the file's unit of the rows that are usable; `dropped` were not."""

    space: TabularSpace
    error: np.ndarray
    cost: np.ndarray
    dropped: int

    def __len__(self) -> int:
        return len(self.error)

    @cached_property
    def values(self) -> np.ndarray:
        """Error and cost in the box of the true front: its best is 0, its worst 1, `(n, 2)`."""
        raw = np.column_stack([self.error, self.cost])
        front = raw[non_dominated(raw)]
        span = front.max(axis=0) - front.min(axis=0)
        span = np.where(span > 0, span, np.ptp(raw, axis=0))
        return (raw - front.min(axis=0)) / np.where(span > 0, span, 1.0)

    @cached_property
    def front(self) -> np.ndarray:
        """Rows of the true front."""
        return np.flatnonzero(non_dominated(self.values))

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {genome.tobytes(): row for row, genome in enumerate(self.space.genomes)}

    def row(self, genome: Sequence[int]) -> int:
        """The row of a genome; where the table lacks it, the row that differs in the fewest genes."""
        wanted = np.asarray(genome, dtype=np.int64)
        exact = self._rows.get(wanted.tobytes())
        return int(np.argmax((self.space.genomes == wanted).sum(axis=1))) if exact is None else exact

    def fractions(self, rows: Sequence[int]) -> np.ndarray:
        """The share of the true front's hypervolume after each of these evaluations, `(len(rows),)`."""
        whole = hypervolume(self.values[self.front])
        return np.array([hypervolume(self.values[list(rows[: n + 1])]) for n in range(len(rows))]) / whole


def hypervolume(values: np.ndarray) -> float:
    """Of `(n, 2)` values, up to the reference point at 1.1 in both."""
    inside = values[(values < REFERENCE).all(axis=1)]
    inside = inside[np.lexsort((inside[:, 0], inside[:, 1]))]
    height = REFERENCE - np.minimum.accumulate(inside[:, 0])
    width = np.append(inside[1:, 1], REFERENCE)[: len(inside)] - inside[:, 1]
    return float(height @ width)


def read_task(path: Path, error: str, cost: str) -> Task:
    """Read a table and drop the rows that are broken.

    Raises:
        TabularFileError: the file is damaged or lacks the columns.
    """
    whole = read_tabular_space(path)
    space = whole.without_broken(error, cost)
    return Task(space, space.error(error), space.column(cost), len(whole) - len(space))
