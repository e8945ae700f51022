"""Evaluator: genomes -> objectives in minimise form, each distinct genome once, nothing but finite numbers.

Asked by the engine once per generation. It keeps every candidate of the search: the front is taken from them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from search.errors import NonFiniteObjectiveError
from search.objectives.columns import Column, limit_column
from search.objectives.objective import Objective
from search.objectives.violation import Violation
from search.space.base import Genomes, genome_keys
from search.spec import Limit

T = TypeVar("T", bound=np.generic)

NON_FINITE = 1e12
"""Stands for a value that is NaN or infinite: large, finite, and its candidate never counts as feasible."""
_MOST_NON_FINITE = 0.05


@dataclass(frozen=True)
class Evaluation:
    """Objectives of candidates in minimise form, `(n, m)`, and how far each breaks the limits, `(n,)`, 0 when none."""

    values: npt.NDArray[np.float64]
    violation: npt.NDArray[np.float64]

    @property
    def feasible(self) -> npt.NDArray[np.bool_]:
        """Candidates that keep all limits, `(n,)`."""
        return self.violation <= 0


class Evaluator:
    """Values of the columns for genomes, remembered.

    A candidate with a value that is NaN or infinite gets `NON_FINITE` in that column and counts as infeasible: NSGA-II
    would otherwise return a front of that one row (pymoo 0.6.2). More than 5 % of such candidates end the search.
    """

    def __init__(
        self, objectives: Mapping[Column, Objective], columns: tuple[Column, ...], limits: tuple[Limit, ...]
    ) -> None:
        self._columns = tuple(dict.fromkeys([*columns, *map(limit_column, limits)]))
        self._objectives = [objectives[column] for column in self._columns]
        self._minimised = len(columns)
        self._limits = [(self._columns.index(limit_column(limit)), limit) for limit in limits]
        self._violation_of = Violation(limits, objectives)
        self._rows: dict[bytes, int] = {}
        self._genomes = np.empty((0, 0), dtype=np.int64)
        self._values = np.empty((0, len(self._columns)))
        self._violation = np.empty(0)
        self._non_finite = np.zeros(len(self._columns), dtype=np.int64)

    def evaluate(self, genomes: Genomes) -> Evaluation:
        """Evaluate `(n, g)` genomes; repeated ones are looked up.

        Raises:
            NonFiniteObjectiveError: more than 5 % of all candidates so far have a value that is not finite.
        """
        keys = genome_keys(genomes)
        unseen = {key: place for place, key in reversed(list(enumerate(keys))) if key not in self._rows}
        if unseen:
            places = sorted(unseen.values())
            self._add(genomes[places])
            self._rows.update(zip([keys[place] for place in places], count(len(self._rows)), strict=False))
        rows = [self._rows[key] for key in keys]
        return Evaluation(self._values[rows, : self._minimised], self._violation[rows])

    @property
    def genomes(self) -> Genomes:
        """Every distinct candidate, `(n, g)`, in the order of first evaluation."""
        return self._genomes[: len(self._rows)]

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation of `genomes`."""
        return Evaluation(self._values[: len(self._rows), : self._minimised], self._violation[: len(self._rows)])

    def closest(self) -> dict[str, float]:
        """The limited columns of the candidate that breaks the limits least."""
        row = int(np.argmin(self._violation[: len(self._rows)]))
        return {str(self._columns[place]): float(self._values[row, place]) for place, _ in self._limits}

    def _add(self, genomes: Genomes) -> None:
        values = np.column_stack([objective.values(genomes) for objective in self._objectives])
        finite = np.isfinite(values)
        self._count_non_finite(~finite, len(self._rows) + len(genomes))
        values = np.where(finite, values, NON_FINITE)
        violation = np.where(
            finite.all(axis=1), self._violation_of(dict(zip(self._columns, values.T, strict=True))), NON_FINITE
        )
        first = len(self._rows)
        self._make_room(first + len(genomes), genomes.shape[1])
        new = slice(first, first + len(genomes))
        self._genomes[new], self._values[new], self._violation[new] = genomes, values, violation

    def _count_non_finite(self, broken: npt.NDArray[np.bool_], evaluated: int) -> None:
        self._non_finite += broken.sum(axis=0)
        if self._non_finite.max() > _MOST_NON_FINITE * evaluated:
            names = map(str, self._columns)
            counts = {name: int(count) for name, count in zip(names, self._non_finite, strict=True) if count}
            raise NonFiniteObjectiveError(counts, evaluated)

    def _make_room(self, rows: int, genes: int) -> None:
        if rows <= len(self._violation):
            return
        size = max(1024, 2 * rows)
        self._genomes = _grown(self._genomes.reshape(-1, genes), size)
        self._values, self._violation = _grown(self._values, size), _grown(self._violation, size)


def _grown(rows: npt.NDArray[T], size: int) -> npt.NDArray[T]:
    grown = np.zeros((size, *rows.shape[1:]), dtype=rows.dtype)
    grown[: len(rows)] = rows
    return grown
