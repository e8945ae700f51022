"""Columns and summaries of cells: directed graphs whose genes are the operators on the edges, named `0->1`.

Only edges on a path of operators from the input to the output count, a skip adds nothing to a path, and node numbers
are forgotten: genomes that compute the same mostly get the same code. Columns count the paths by the operators along
them (path encoding: White et al. 2021); summaries say how deep, wide and large the network is that remains.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.predictor.choices import NOTHING
from search.predictor.covariance import Encoded, Floats
from search.space.base import GeneSpace, Genomes

_EDGE = re.compile(r"(\d+)\s*->\s*(\d+)")
_SIZE = re.compile(r"(\d+)x\d+")
_ABSENT = frozenset({"none", "zero"})
_MOST_PATHS, _MOST_CODES = 64, 400


@dataclass(frozen=True, eq=False)
class CellEncoding:
    """A cell's edges and operators.

    Attributes:
        paths: the edges of each path from the first node to the last.
        absent, skips, convolves, spatial: what each operator is, `(k,)`.
        weights: weights of an operator relative to a 1x1 convolution, `(k,)`.
        codes: the operators along a path as one number, those that have a column, sorted.
    """

    paths: tuple[tuple[int, ...], ...]
    absent: npt.NDArray[np.bool_]
    skips: npt.NDArray[np.bool_]
    convolves: npt.NDArray[np.bool_]
    spatial: npt.NDArray[np.bool_]
    weights: Floats
    codes: npt.NDArray[np.int64]

    @property
    def membership(self) -> Floats:
        """All columns are of one group."""
        return np.ones((len(self.codes), 1))

    def __call__(self, genomes: Genomes) -> Encoded:
        """Columns, and summaries before they are standardised."""
        return Encoded(self._columns(genomes), self._summaries(genomes))

    def _columns(self, genomes: Genomes) -> Floats:
        """How many paths have each code, `(n, d)`."""
        columns = np.zeros((len(genomes), len(self.codes)))
        rows = np.arange(len(genomes))
        for code in self.path_codes(genomes).T:
            place = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
            known = self.codes[place] == code
            np.add.at(columns, (rows[known], place[known]), 1.0)
        return columns

    def path_codes(self, genomes: Genomes) -> npt.NDArray[np.int64]:
        """For each path its operators but the skips as one number in base k + 1, -1 for a broken path: `(n, paths)`."""
        codes = np.zeros((len(genomes), len(self.paths)), dtype=np.int64)
        for place, path in enumerate(self.paths):
            for edge in path:
                operator = genomes[:, edge]
                longer = codes[:, place] * (len(self.absent) + 1) + operator + 1
                codes[:, place] = np.where(self.skips[operator], codes[:, place], longer)
        return np.where(self._whole(genomes), codes, -1)

    def _summaries(self, genomes: Genomes) -> Floats:
        """Summaries, `(n, f)`."""
        whole = self._whole(genomes)
        used = self._used(genomes, whole)
        counts = [(used & (genomes == operator)).sum(axis=1) for operator in np.flatnonzero(~self.absent)]
        size = np.log1p((used * self.weights[genomes]).sum(axis=1))
        convolutions = self._along(self.convolves, genomes, whole)
        spatial = self._along(self.spatial, genomes, whole)
        spatial_convolutions = self._along(self.spatial & self.convolves, genomes, whole)
        other = self._along(~(self.convolves | self.skips), genomes, whole)
        shortest = np.where(whole, convolutions, len(self.paths[0]) + genomes.shape[1]).min(axis=1)
        shapes = [
            np.where(whole.any(axis=1), shortest, 0),
            *(np.maximum(lengths.max(axis=1), 0) for lengths in (convolutions, spatial, spatial_convolutions)),
            ((convolutions == 0) & (other == 0)).any(axis=1),
            ((convolutions == 0) & (other > 0)).sum(axis=1),
            (other == 0).sum(axis=1),
            whole.sum(axis=1),
            ~whole.any(axis=1),
        ]
        longest = max(map(len, self.paths))
        by_length = [(convolutions == length).sum(axis=1) for length in range(longest + 1)]
        return np.column_stack([*counts, size, *shapes, *by_length]).astype(np.float64)

    def _whole(self, genomes: Genomes) -> npt.NDArray[np.bool_]:
        """Whether each path has an operator on every edge, `(n, paths)`."""
        there = ~self.absent[genomes]
        return np.column_stack([there[:, list(path)].all(axis=1) for path in self.paths])

    def _used(self, genomes: Genomes, whole: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether each edge is on a whole path, `(n, g)`."""
        used = np.zeros(genomes.shape, dtype=np.bool_)
        for place, path in enumerate(self.paths):
            used[:, list(path)] |= whole[:, place, None]
        return used

    def _along(
        self, mark: npt.NDArray[np.bool_], genomes: Genomes, whole: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """How many marked operators each whole path has, -1 for a broken path: `(n, paths)`."""
        marked = mark[genomes]
        counts = np.column_stack([marked[:, list(path)].sum(axis=1) for path in self.paths])
        return np.where(whole, counts, -1)


def cell_encoding(space: GeneSpace, sample: Genomes) -> CellEncoding | None:
    """The encoding of a cell, or None where genes are no edges; codes are those of a sample of genomes."""
    edges = [_EDGE.fullmatch(name) for name in space.gene_names]
    names = space.choice_names[0]
    if not all(edges) or any(other != names for other in space.choice_names):
        return None
    paths = _paths([(int(edge[1]), int(edge[2])) for edge in edges if edge])
    if not paths:
        return None
    lowered = [name.lower() for name in names]
    sizes = [int(found[1]) if (found := _SIZE.search(name)) else 1 for name in lowered]
    convolves = np.array(["conv" in name for name in lowered])
    absent = np.array([name in _ABSENT for name in lowered])
    skips = np.array([name in NOTHING - _ABSENT for name in lowered])
    spatial = np.array(sizes) > 1
    weights = convolves * np.square(np.array(sizes, dtype=np.float64))
    unread = CellEncoding(paths, absent, skips, convolves, spatial, weights, np.zeros(0, dtype=np.int64))
    codes, counts = np.unique(unread.path_codes(sample), return_counts=True)
    if not (codes >= 0).any():
        return None
    frequent = codes[codes >= 0][np.argsort(-counts[codes >= 0], kind="stable")[:_MOST_CODES]]
    return CellEncoding(paths, absent, skips, convolves, spatial, weights, np.sort(frequent))


def _paths(edges: list[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Every way from the first node to the last, as edges; none where the graph is no cell or has too many."""
    if any(start >= end for start, end in edges) or len(set(edges)) < len(edges):
        return ()
    first, last = min(start for start, _ in edges), max(end for _, end in edges)
    found: list[tuple[int, ...]] = []
    open_paths: list[tuple[int, tuple[int, ...]]] = [(first, ())]
    while open_paths and len(found) + len(open_paths) <= _MOST_PATHS:
        node, path = open_paths.pop()
        if node == last:
            found.append(path)
        open_paths += [(end, (*path, place)) for place, (start, end) in enumerate(edges) if start == node]
    return () if open_paths else tuple(found)
