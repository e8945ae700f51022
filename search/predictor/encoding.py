"""Genomes -> numbers for the kernel: one-hot genes, and a few summaries of the whole network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.predictor.kernel import Encoded, Floats
from search.space.base import GenomeCost, Genomes, Space, one_hot
from search.space.blocks.base import Block


def _log_macs(block: Block) -> float:
    return math.log1p(block.macs)


def _is_computing(block: Block) -> float:
    return 0.0 if block.operator_key is None else 1.0


@dataclass(frozen=True)
class Encoding:
    """How genomes of one space are encoded.

    The summaries are log macs, log params, log peak activation bytes, the number of blocks that compute something, and
    the sum of the blocks' log macs (a chain is as strong as the product of its links), each centred and scaled over
    the training genomes.
    """

    space: Space
    costs: tuple[GenomeCost, ...]
    centre: Floats
    spread: Floats

    def __call__(self, genomes: Genomes) -> Encoded:
        return Encoded(one_hot(self.space, genomes), (_summaries(self.costs, genomes) - self.centre) / self.spread)

    @property
    def gene_of_column(self) -> npt.NDArray[np.int64]:
        """For each one-hot column its gene, `(d,)`."""
        return np.repeat(np.arange(len(self.space.n_choices)), self.space.n_choices)


def fit_encoding(space: Space, genomes: Genomes) -> Encoding:
    """The encoding whose summaries are standardised over these genomes."""
    tabulated = [lambda block: block.macs, lambda block: block.params, lambda block: block.peak_activation_bytes]
    costs = tuple(space.tabulate(cost) for cost in (*tabulated, _is_computing, _log_macs))
    summaries = _summaries(costs, genomes)
    spread = summaries.std(axis=0)
    return Encoding(space, costs, summaries.mean(axis=0), np.where(spread > 0, spread, 1.0))


def _summaries(costs: tuple[GenomeCost, ...], genomes: Genomes) -> Floats:
    macs, params, peak, depth, log_macs = costs
    sizes = [np.log(macs.total(genomes)), np.log(params.total(genomes)), np.log(peak.largest(genomes))]
    return np.column_stack([*sizes, depth.total(genomes), log_macs.total(genomes)])
