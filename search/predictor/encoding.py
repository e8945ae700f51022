"""Genomes -> numbers for the kernel, chosen by what the space is.

- A chain of blocks: `gene_encoding.py`, numbers of the blocks' operators, costs of the blocks.
- A published table: the same with numbers read from the names of its choices and its columns `macs` and `params`.
- A table or space whose genes are edges of a graph (`0->1`): `cell_encoding.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from search.errors import PredictorError
from search.predictor.cell_encoding import cell_encoding
from search.predictor.costs import known_costs
from search.predictor.covariance import Encoded, Floats
from search.predictor.gene_encoding import gene_encoding
from search.space.base import GeneSpace, Genomes, random_genomes
from search.space.tabular import TabularSpace

_SAMPLE = 4000
Prior = Callable[[Genomes], Floats]
"""Cheap scores of any genome of the space, `(n,)` or `(n, k)`, finite: anything that goes up or down with the error."""


class Description(Protocol):
    """One way to describe genomes of a space."""

    @property
    def membership(self) -> Floats: ...

    def __call__(self, genomes: Genomes) -> Encoded:
        """Columns, and summaries before they are standardised."""


@dataclass(frozen=True)
class Encoding:
    """How genomes of one space are encoded; summaries are centred and scaled over the space, the prior's score last.

    Columns are divided by the root of their number, so that their kernels start with variance about 1.
    """

    described: Description
    prior: Prior | None
    centre: Floats
    spread: Floats

    def __call__(self, genomes: Genomes) -> Encoded:
        """Columns and standardised summaries.

        Raises:
            PredictorError: a genome without a finite score of the prior.
        """
        raw = self.described(genomes)
        summaries = raw.summaries
        if self.prior is not None:
            scores = np.asarray(self.prior(genomes), dtype=np.float64)
            if len(scores) != len(genomes) or not np.isfinite(scores).all():
                raise PredictorError("the prior gives a genome no score, or a score that is not finite")
            summaries = np.column_stack([summaries, scores])
        return Encoded(raw.columns / np.sqrt(len(self.membership)), (summaries - self.centre) / self.spread)

    @property
    def membership(self) -> Floats:
        """For each column the groups it belongs to, see `covariance.Kernel`."""
        return self.described.membership


def fit_encoding(space: GeneSpace, prior: Prior | None = None) -> Encoding:
    """The encoding of a space, standardised over all of a table or 4,000 random genomes, not over the labelled ones."""
    sample = _sample(space)
    described = cell_encoding(space, sample) or gene_encoding(space, known_costs(space))
    raw = Encoding(described, prior, np.zeros(1), np.ones(1))(sample).summaries
    spread = raw.std(axis=0)
    return Encoding(described, prior, raw.mean(axis=0), np.where(spread > 1e-12, spread, 1.0))


def _sample(space: GeneSpace) -> Genomes:
    rng = np.random.default_rng(0)
    if isinstance(space, TabularSpace):
        rows = rng.permutation(len(space))[:_SAMPLE]
        return space.genomes[rows]
    return random_genomes(space, _SAMPLE, rng)
