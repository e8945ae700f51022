"""Costs of whole networks as summaries: of a chain's blocks, or of a published table's columns; logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from search.errors import GenomeError, GenomeFault
from search.predictor.covariance import Floats
from search.space.base import GeneSpace, GenomeCost, Genomes, genome_keys
from search.space.chain import ChainSpace
from search.space.tabular import TabularSpace

Costs = Callable[[Genomes], Floats]
"""Genomes `(n, g)` to summaries `(n, k)`."""
_COST_COLUMNS = ("macs", "params", "size_bytes")


@dataclass(frozen=True)
class BlockSummaries:
    """Log macs, log params, log peak activation bytes, and the sum of the blocks' log macs.

    The last because a chain is as strong as the product of its links.
    """

    macs: GenomeCost
    params: GenomeCost
    peak: GenomeCost
    log_macs: GenomeCost

    def __call__(self, genomes: Genomes) -> Floats:
        """Summaries, `(n, 4)`."""
        sizes = [
            np.log(self.macs.total(genomes)),
            np.log(self.params.total(genomes)),
            np.log(self.peak.largest(genomes)),
        ]
        return np.column_stack([*sizes, self.log_macs.total(genomes)])


@dataclass(frozen=True, eq=False)
class RowSummaries:
    """Logarithms of a table's cost columns, `(rows, k)`, found by genome."""

    row_of: dict[bytes, int]
    values: Floats

    def __call__(self, genomes: Genomes) -> Floats:
        """Summaries, `(n, k)`.

        Raises:
            GenomeError: the table does not have a genome.
        """
        keys = genome_keys(genomes)
        rows = [self.row_of.get(key, -1) for key in keys]
        if -1 in rows:
            raise GenomeError([GenomeFault(rows.index(-1), None, "is not in the table, so that its costs are unknown")])
        return self.values[rows]


def no_costs(genomes: Genomes) -> Floats:
    """No summary, `(n, 0)`."""
    return np.zeros((len(genomes), 0))


def known_costs(space: GeneSpace) -> Costs:
    """The costs that are known of every network of a space without measuring one."""
    if isinstance(space, ChainSpace):
        return BlockSummaries(
            macs=space.tabulate(lambda block: block.macs),
            params=space.tabulate(lambda block: block.params),
            peak=space.tabulate(lambda block: block.peak_activation_bytes),
            log_macs=space.tabulate(lambda block: math.log1p(block.macs)),
        )
    if isinstance(space, TabularSpace):
        found = [space.column(key) for key in _COST_COLUMNS if key in space.columns]
        usable = [np.log(column) for column in found if np.isfinite(column).all() and (column > 0).all()]
        if usable:
            rows = {key: row for row, key in enumerate(genome_keys(space.genomes))}
            return RowSummaries(rows, np.column_stack(usable))
    return no_costs
