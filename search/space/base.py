"""Space: the set of architectures that a search chooses from, as every other part of the engine sees it.

Implemented by `chain.ChainSpace`. The engine knows genomes only as integer rows `(n, g)`; what a gene means is the
space's own business, so that spaces whose genes are not layers (cells, precision, pruning) can join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from latency_tables import OperatorKey, Shape
from search.errors import GenomeError, GenomeFault
from search.space.architecture import Architecture
from search.space.blocks.base import Block

Genomes = npt.NDArray[np.int64]
"""Candidates as rows: `(n, g)`, gene j in `range(n_choices[j])`."""

Cost = Callable[[Block], float]
Neighbours = Mapping[tuple[OperatorKey, OperatorKey], float]
"""A cost for one operator right after another; pairs that are not named cost nothing."""
_MOST_FAULTS = 20


class TotalCost(Protocol):
    """A cost tabulated over a space, so that many genomes are summed without a Python loop over them."""

    def total(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Sum over each architecture, `(n,)`."""

    def lowest_total(self) -> float:
        """The smallest `total` of any architecture of the space, exact."""

    def highest_total(self) -> float:
        """The largest `total` of any architecture of the space, exact."""


class GenomeCost(TotalCost, Protocol):
    """A cost of single blocks tabulated over a space."""

    def largest(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Maximum over each architecture's blocks, `(n,)`."""

    def lowest_largest(self) -> float:
        """The smallest `largest` of any architecture of the space."""

    def highest_largest(self) -> float:
        """The largest `largest` of any architecture of the space."""


class GeneSpace(Protocol):
    """What a genome's integers are called: all that a predictor needs, and all that a published table has."""

    @property
    def name(self) -> str: ...

    @property
    def n_choices(self) -> npt.NDArray[np.int64]:
        """Choices per gene, `(g,)`."""

    @property
    def gene_names(self) -> tuple[str, ...]: ...

    @property
    def choice_names(self) -> tuple[tuple[str, ...], ...]:
        """For each gene the label of each choice."""


class Space(GeneSpace, Protocol):
    """A named set of architectures behind integer genomes."""

    @property
    def description(self) -> str: ...

    @property
    def input_shape(self) -> Shape: ...

    @property
    def classes(self) -> int: ...

    @property
    def sha256(self) -> str:
        """Fingerprint of the space's definition; artefacts and tables are made for one."""

    def architecture(self, genome: npt.NDArray[np.int64] | tuple[int, ...]) -> Architecture:
        """Make one genome concrete.

        Raises:
            GenomeError: wrong length or a gene out of range.
        """

    def operators(self) -> tuple[Block, ...]:
        """Every distinct block that has an operator key, in a stable order: what a latency table must cover."""

    def tabulate(self, cost: Cost) -> GenomeCost:
        """Tabulate a cost of single blocks (stem and head included)."""

    def tabulate_neighbours(self, cost: Cost, neighbours: Neighbours) -> TotalCost:
        """Tabulate a cost of single blocks and of operators that follow each other in `Architecture.operator_keys`.

        A block without an operator stands between nothing: its neighbours are each other's.
        """

    def operator_counts(self, genomes: Genomes, keys: Sequence[OperatorKey]) -> npt.NDArray[np.float64]:
        """How often each architecture has each of these distinct operators, `(n, k)`."""


def count_architectures(space: Space) -> int:
    """Number of genomes of a space, exact."""
    product = 1
    for choices in space.n_choices.tolist():
        product *= choices
    return product


def random_genomes(space: GeneSpace, n: int, rng: np.random.Generator) -> Genomes:
    """Draw `(n, g)` genomes, each gene uniform over its choices; duplicates may occur."""
    return rng.integers(0, space.n_choices, size=(n, len(space.n_choices)), dtype=np.int64)


def check_genomes(space: GeneSpace, genomes: Iterable[object]) -> Genomes:
    """Return genomes, an integer matrix or rows of integers, as `(n, g)` int64.

    Raises:
        GenomeError: rows of the wrong length, genes that are no integers or out of range; lists the first 20 faults.
    """
    width = len(space.n_choices)
    if not (isinstance(genomes, np.ndarray) and genomes.ndim == 2 and genomes.dtype.kind in "iu"):
        rows = _integers(space, genomes)
        return np.array(rows, dtype=np.int64).reshape(len(rows), width)
    if genomes.shape[1] != width and len(genomes):
        rows_shown = range(min(len(genomes), _MOST_FAULTS))
        raise GenomeError([GenomeFault(row, None, _wrong_length(space)) for row in rows_shown])
    matrix = genomes.reshape(len(genomes), width)
    wrong = np.argwhere((matrix < 0) | (matrix >= space.n_choices))[:_MOST_FAULTS].tolist()
    if wrong:
        raise GenomeError([GenomeFault(row, gene, _out_of_range(space, gene)) for row, gene in wrong])
    return matrix.astype(np.int64)


def _integers(space: GeneSpace, genomes: Iterable[object]) -> list[list[int]]:
    """Rows as Python integers, whatever their size: a bool, a float or a text is no integer."""
    rows: list[list[int]] = []
    faults: list[GenomeFault] = []
    n_choices = space.n_choices.tolist()
    for row, genome in enumerate(genomes):
        genes: object = genome.tolist() if isinstance(genome, np.ndarray) else genome
        if not _is_row(genes, len(n_choices)):
            faults.append(GenomeFault(row, None, _wrong_length(space)))
        elif wrong := [gene for gene, choices in enumerate(n_choices) if not 0 <= genes[gene] < choices]:
            faults += [GenomeFault(row, gene, _out_of_range(space, gene)) for gene in wrong]
        else:
            rows.append([int(gene) for gene in genes])
        if len(faults) >= _MOST_FAULTS:
            break
    if faults:
        raise GenomeError(faults[:_MOST_FAULTS])
    return rows


def _is_row(genes: object, width: int) -> TypeGuard[Sequence[int]]:
    if not isinstance(genes, list | tuple) or len(genes) != width:
        return False
    return all(isinstance(gene, int | np.integer) and not isinstance(gene, bool) for gene in genes)


def _wrong_length(space: GeneSpace) -> str:
    return f"needs {len(space.n_choices)} integers, one per gene of {space.name}"


def _out_of_range(space: GeneSpace, gene: int) -> str:
    return f"gene {gene} ({space.gene_names[gene]}) must be from 0 to {space.n_choices[gene] - 1}"


def genome_keys(genomes: Genomes) -> list[bytes]:
    """A key for each row of `(n, g)`, equal for equal rows and for no others of the same width."""
    rows = np.ascontiguousarray(genomes, dtype=np.int64)
    keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    return cast("list[bytes]", keys.tolist())


def one_hot(space: GeneSpace, genomes: Genomes) -> npt.NDArray[np.float64]:
    """Encode genomes as 0/1 columns, one per choice of each gene: `(n, sum of n_choices)`."""
    starts = np.concatenate([[0], np.cumsum(space.n_choices)[:-1]])
    encoded = np.zeros((len(genomes), int(space.n_choices.sum())))
    np.put_along_axis(encoded, genomes + starts, 1.0, axis=1)
    return encoded
