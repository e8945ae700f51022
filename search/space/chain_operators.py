"""The operators of a chain space's blocks in their order: how often each occurs, and what neighbours cost together.

Asked by `chain.ChainSpace` only, for latency tables with an interval or with costs of neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latency_tables import OperatorKey
from search.space.base import Cost, Genomes, Neighbours
from search.space.blocks.base import Block

Positions = Sequence[Sequence[Block]]
"""The choices at each position of the network: the stem alone, the genes' layers, the head alone."""
Indices = npt.NDArray[np.int64]
_NONE = -1
"""Index of a block that computes nothing and of padding: the last row and column of every table here."""


def count_operators(positions: Positions, keys: Sequence[OperatorKey], genomes: Genomes) -> npt.NDArray[np.float64]:
    """How often each architecture has each of these operators, `(n, k)`."""
    counts = np.zeros((len(genomes), len(keys) + 1))
    rows = np.arange(len(genomes))
    for indices, chosen in zip(_indices(positions, keys), _with_ends(genomes).T, strict=True):
        counts[rows, indices[chosen]] += 1.0
    return counts[:, :-1]


@dataclass(frozen=True)
class NeighbourCosts:
    """Costs of blocks, and of operators right after one another.

    Attributes:
        per_position: `(positions, most choices)`, NaN as padding.
        indices: the block's operator as a row of `beside`, `(positions, most choices)`.
        beside: what the second operator costs more right after the first, `(k + 1, k + 1)`.
    """

    per_position: npt.NDArray[np.float64]
    indices: Indices
    beside: npt.NDArray[np.float64]

    def total(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Sum over each architecture, `(n,)`."""
        total = np.zeros(len(genomes))
        last = np.full(len(genomes), _NONE)
        for costs, indices, chosen in zip(self.per_position, self.indices, _with_ends(genomes).T, strict=True):
            operators = indices[chosen]
            total += costs[chosen] + self.beside[last, operators]
            last = np.where(operators == _NONE, last, operators)
        return total

    def lowest_total(self) -> float:
        """The smallest `total` of any architecture."""
        return self._least(1.0)

    def highest_total(self) -> float:
        """The largest `total` of any architecture."""
        return -self._least(-1.0)

    def _least(self, sign: float) -> float:
        """By dynamic programming over the last operator so far: `least[k]` is of all beginnings."""
        least = np.full(len(self.beside), np.inf)
        least[_NONE] = 0.0
        for costs, indices in zip(sign * self.per_position, self.indices, strict=True):
            after = np.full(len(self.beside), np.inf)
            for cost, operator in zip(costs[~np.isnan(costs)], indices[~np.isnan(costs)], strict=True):
                if operator == _NONE:
                    after = np.minimum(after, least + cost)
                else:
                    after[operator] = min(after[operator], (least + sign * self.beside[:, operator]).min() + cost)
            least = after
        return float(least.min())


def neighbour_costs(positions: Positions, cost: Cost, neighbours: Neighbours) -> NeighbourCosts:
    """Tabulate; pairs with an operator that the space does not have are passed over."""
    operators = (block.operator_key for blocks in positions for block in blocks)
    keys = tuple(dict.fromkeys(key for key in operators if key is not None))
    row = {key: index for index, key in enumerate(keys)}
    beside = np.zeros((len(keys) + 1, len(keys) + 1))
    for (first, second), extra in neighbours.items():
        if first in row and second in row:
            beside[row[first], row[second]] = extra
    per_position = np.full((len(positions), max(map(len, positions))), np.nan)
    for place, blocks in enumerate(positions):
        per_position[place, : len(blocks)] = [cost(block) for block in blocks]
    return NeighbourCosts(per_position, _indices(positions, keys), beside)


def _with_ends(genomes: Genomes) -> Genomes:
    """The chosen place at each position, `(n, positions)`: stem and head have one choice."""
    return np.pad(genomes, ((0, 0), (1, 1)))


def _indices(positions: Positions, keys: Sequence[OperatorKey]) -> Indices:
    """Each block's place among `keys`, `(positions, most choices)`."""
    row: dict[OperatorKey | None, int] = {key: index for index, key in enumerate(keys)}
    indices = np.full((len(positions), max(map(len, positions))), _NONE, dtype=np.int64)
    for place, blocks in enumerate(positions):
        indices[place, : len(blocks)] = [row.get(block.operator_key, _NONE) for block in blocks]
    return indices
