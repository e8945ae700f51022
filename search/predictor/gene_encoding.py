"""Columns and summaries of genomes whose genes are layers one after another, or choices that nothing else is known of.

A column is a step up of one number of a choice (kernel 5 or more, expansion 6 or more) in one gene, so that choices
between which there are fewer steps are more alike, and a gene's own columns share a group, as do a number's columns of
all genes. Summaries are what the whole network has of each number, towards its end or its start, and its costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.predictor.choices import Choice, read_choices
from search.predictor.costs import Costs
from search.predictor.covariance import Encoded, Floats
from search.space.base import GeneSpace, Genomes

_PRESENT, _KIND, _CHOICE = "present", "kind", "choice"


@dataclass(frozen=True)
class GeneEncoding:
    """Tables of genes and choices; the rows of a gene begin at its `starts`.

    Attributes:
        steps: columns of each choice of each gene, `(sum of n_choices, d)`; a gene's row is 0 in other genes' columns.
        sums: what each choice adds to the additive summaries, `(sum of n_choices, s)`.
        membership: `(d, q)`, see `covariance.Kernel`.
    """

    starts: npt.NDArray[np.int64]
    steps: Floats
    sums: Floats
    membership: Floats
    costs: Costs

    def __call__(self, genomes: Genomes) -> Encoded:
        """Columns, and summaries before they are standardised."""
        chosen = self._chosen(genomes)
        return Encoded(chosen @ self.steps, np.column_stack([chosen @ self.sums, self.costs(genomes)]))

    def _chosen(self, genomes: Genomes) -> Floats:
        chosen = np.zeros((len(genomes), len(self.steps)))
        np.put_along_axis(chosen, genomes + self.starts, 1.0, axis=1)
        return chosen


def gene_encoding(space: GeneSpace, costs: Costs) -> GeneEncoding:
    """The encoding of a space whose genes stand in their order."""
    genes = read_choices(space)
    rungs = _rungs(genes)
    names, blocks = [], []
    for choices in genes:
        found, table = _steps(choices, rungs)
        names.append(found)
        blocks.append(table)
    membership = _membership(names)
    steps = _diagonal(blocks)
    return GeneEncoding(
        starts=np.concatenate([[0], np.cumsum(space.n_choices)[:-1]]),
        steps=steps,
        sums=_sums(steps, membership, len(genes)),
        membership=membership,
        costs=costs,
    )


def _rungs(genes: tuple[tuple[Choice, ...], ...]) -> list[tuple[str, float]]:
    """Every number's values but its least, of all genes together."""
    values: dict[str, set[float]] = {}
    for choices in genes:
        for choice in choices:
            for name, value in choice.numbers.items():
                values.setdefault(name, set()).add(value)
    return [(name, value) for name, found in sorted(values.items()) for value in sorted(found)[1:]]


def _steps(choices: tuple[Choice, ...], rungs: list[tuple[str, float]]) -> tuple[list[str], Floats]:
    """The columns of one gene `(choices, columns)` and the number that each belongs to; none is constant or twice."""
    kinds = sorted({choice.kind for choice in choices if choice.kind is not None})
    named = [(_PRESENT, [float(choice.kind is not None) for choice in choices])]
    named += [
        (name, [float(choice.numbers.get(name, -math.inf) >= value) for choice in choices]) for name, value in rungs
    ]
    if len(kinds) > 1:
        named += [(_KIND, [float(choice.kind == kind) for choice in choices]) for kind in kinds]
    kept: dict[tuple[float, ...], str] = {}
    for name, column in named:
        if len(set(column)) > 1:
            kept.setdefault(tuple(column), name)
    table = np.array(list(kept), dtype=np.float64).T.reshape(len(choices), len(kept))
    if len(np.unique(table, axis=0)) < len(choices):
        table = np.column_stack([table, np.eye(len(choices))])
        return [*kept.values(), *[_CHOICE] * len(choices)], table
    return list(kept.values()), table


def _membership(names: list[list[str]]) -> Floats:
    """Each column in its gene's group and in its number's, where there is more than one number."""
    numbers = list(dict.fromkeys(name for found in names for name in found))
    rows = [(gene, numbers.index(name)) for gene, found in enumerate(names) for name in found]
    membership = np.zeros((len(rows), len(names) + len(numbers)))
    for row, (gene, number) in enumerate(rows):
        membership[row, [gene, len(names) + number]] = 1.0
    return membership


def _sums(steps: Floats, membership: Floats, genes: int) -> Floats:
    """For each number how much of it there is, plain and weighted from -1 at the first gene to 1 at the last."""
    totals = steps @ membership[:, genes:]
    place = np.linspace(-1.0, 1.0, genes) if genes > 1 else np.zeros(1)
    weighted = (steps * (membership[:, :genes] @ place)) @ membership[:, genes:]
    return np.column_stack([totals, weighted])


def _diagonal(blocks: list[Floats]) -> Floats:
    rows, width = sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)
    whole, row, column = np.zeros((rows, width)), 0, 0
    for block in blocks:
        whole[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return whole
