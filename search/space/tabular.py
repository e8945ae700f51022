"""TabularSpace: a published benchmark, every architecture's figures in one file, so that methods are compared on it.

The file is an `.npz` of plain arrays: `genes (n, g)` and `n_choices (g,)`, by choice `choice_names` (`(k,)` for all
genes or `(g, k)`) and `gene_names (g,)`, and numeric columns of n rows, for example `macs` or `error_cifar10_test`.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.errors import TabularFileError
from search.space.base import Genomes

Floats = npt.NDArray[np.float64]
_MOST_BYTES = 2 * 2**30
_SMALLEST_SHARE = 0.05
"""A cost under this share of the median is a failed measurement (numbers.md: about 280 rows of some devices)."""
_NAMES = ("choice_names", "gene_names")
_REQUIRED = ("genes", "n_choices")


@dataclass(frozen=True, eq=False)
class TabularSpace:
    """The architectures of one file, in its order, and their columns.

    Attributes:
        genomes: `(n, g)`, distinct; often, but not always, the whole space.
        columns: numbers by key as the file has them, `(n,)`, or `(n, repeats)` of repeated measurements.
        unusable: what the other keys hold instead.
    """

    name: str
    n_choices: npt.NDArray[np.int64]
    gene_names: tuple[str, ...]
    choice_names: tuple[tuple[str, ...], ...]
    genomes: Genomes
    columns: Mapping[str, Floats]
    unusable: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.genomes)

    def column(self, key: str) -> Floats:
        """A column, `(n,)`, in the file's unit: the mean of the finite repeats, NaN where there are none.

        Raises:
            TabularFileError: no such column, or none of n numbers; lists those there are.
        """
        if key in self.unusable:
            n = len(self)
            wanted = f"a column has numbers of shape ({n},) or ({n}, repeats)"
            raise TabularFileError(self.name, f"{key!r} holds {self.unusable[key]}; {wanted}")
        if key not in self.columns:
            raise TabularFileError(self.name, f"has no column {key[:80]!r}. Columns: {_listed(self.columns)}")
        values = self.columns[key]
        if values.ndim == 1:
            return values
        finite = np.isfinite(values)
        totals = np.where(finite, values, 0.0).sum(axis=1)
        some = finite.sum(axis=1)
        return np.asarray(np.where(some > 0, totals / np.maximum(some, 1), np.nan))

    def error(self, key: str) -> Floats:
        """A column of errors as fractions, `(n,)`: one with a value above 1 is in percent.

        Raises:
            TabularFileError: no such column, or values outside 0 to 100.
        """
        errors = self.column(key)
        known = errors[np.isfinite(errors)]
        if known.size and (known.min() < 0 or known.max() > 100):
            reason = f"column {key!r} runs from {known.min():g} to {known.max():g}; errors are fractions or percent"
            raise TabularFileError(self.name, reason)
        return errors / 100 if known.size and known.max() > 1 else errors

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> TabularSpace:
        """The space of these rows alone, in their order."""
        columns = {key: values[rows] for key, values in self.columns.items()}
        return replace(self, genomes=self.genomes[rows], columns=columns)

    def without_broken(self, error_key: str, cost_key: str) -> TabularSpace:
        """Without rows whose error is not finite or whose cost is not finite, not above 0 or under 5 % of the median.

        Raises:
            TabularFileError: no such column, or fewer than two rows are left.
        """
        error, cost = self.error(error_key), self.column(cost_key)
        good = np.isfinite(error) & np.isfinite(cost) & (cost > 0)
        if good.any():
            good[good] = cost[good] >= _SMALLEST_SHARE * np.median(cost[good])
        if good.sum() < 2:
            raise TabularFileError(self.name, f"{good.sum()} rows have a usable {error_key!r} and {cost_key!r}")
        return self if good.all() else self.take(good)


def read_tabular_space(path: Path) -> TabularSpace:
    """Read a file; the space is named after it.

    Raises:
        TabularFileError: the file cannot be read, lacks an array, or its arrays contradict each other.
    """
    arrays, unusable = _read_arrays(path)
    if missing := [key for key in _REQUIRED if key not in arrays]:
        raise TabularFileError(str(path), f"lacks {', '.join(missing)}. Keys: {_listed({**arrays, **unusable})}")
    n_choices = _check_choices(path, arrays["n_choices"])
    genomes = _check_genes(path, arrays["genes"], n_choices)
    others = {key: array for key, array in arrays.items() if key not in (*_REQUIRED, *_NAMES)}
    return TabularSpace(
        name=path.stem,
        n_choices=n_choices,
        gene_names=_gene_names(path, arrays.get("gene_names"), len(n_choices)),
        choice_names=_choice_names(path, arrays.get("choice_names"), n_choices),
        genomes=genomes,
        columns={key: array.astype(np.float64) for key, array in others.items() if _is_column(array, len(genomes))},
        unusable=unusable
        | {key: _shape(array) for key, array in others.items() if not _is_column(array, len(genomes))},
    )


def _read_arrays(path: Path) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, str]]:
    """Arrays by key, and what is said of keys that hold something else."""
    arrays: dict[str, Any] = {}
    unusable: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > _MOST_BYTES:
            raise TabularFileError(str(path), f"unpacks to {size} bytes; at most {_MOST_BYTES} are read")
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                try:
                    arrays[key] = archive[key]
                except ValueError:  # numpy's answer to a pickle and to a file that is no array
                    unusable[key] = "Python objects or a broken array"
        return {key: array for key, array in arrays.items() if isinstance(array, np.ndarray)}, unusable
    except OSError as error:
        raise TabularFileError(str(path), f"cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise TabularFileError(str(path), "is not a whole .npz archive") from None


def _check_choices(path: Path, n_choices: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if n_choices.ndim != 1 or not n_choices.size or n_choices.dtype.kind not in "iu" or (n_choices < 1).any():
        raise TabularFileError(str(path), "n_choices must be positive integers, one per gene")
    return n_choices.astype(np.int64)


def _check_genes(path: Path, genes: npt.NDArray[np.generic], n_choices: npt.NDArray[np.int64]) -> Genomes:
    if genes.ndim != 2 or genes.dtype.kind not in "iu" or genes.shape[1] != len(n_choices):
        wanted = f"integers of shape (n, {len(n_choices)})"
        raise TabularFileError(str(path), f"genes must be {wanted}, not {genes.dtype} of shape {genes.shape}")
    genomes = genes.astype(np.int64)
    wrong = np.argwhere((genomes < 0) | (genomes >= n_choices))
    if wrong.size:
        row, gene = wrong[0].tolist()
        reason = f"gene {gene} of row {row} is {genomes[row, gene]}; it must be from 0 to {n_choices[gene] - 1}"
        raise TabularFileError(str(path), reason)
    first, counts = np.unique(genomes, axis=0, return_index=True, return_counts=True)[1:]
    if len(first) < len(genomes):
        raise TabularFileError(
            str(path), f"{len(genomes) - len(first)} rows repeat another, one of them row {first[np.argmax(counts)]}'s"
        )
    return genomes


def _gene_names(path: Path, names: npt.NDArray[np.generic] | None, genes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"gene{place}" for place in range(genes))
    if names.shape != (genes,):
        raise TabularFileError(str(path), f"gene_names has shape {names.shape}; {genes} genes need ({genes},)")
    return tuple(map(str, names.tolist()))


def _choice_names(
    path: Path, names: npt.NDArray[np.generic] | None, n_choices: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], ...]:
    if names is None:
        return tuple(tuple(map(str, range(choices))) for choices in n_choices.tolist())
    rows = np.broadcast_to(names, (len(n_choices), names.shape[0])) if names.ndim == 1 else names
    if rows.ndim != 2 or len(rows) != len(n_choices) or rows.shape[1] < n_choices.max():
        reason = f"choice_names has shape {names.shape}; needs a name for each of {n_choices.max()} choices"
        raise TabularFileError(str(path), reason)
    labels = zip(rows.tolist(), n_choices.tolist(), strict=True)
    return tuple(tuple(map(str, row[:choices])) for row, choices in labels)


def _is_column(array: npt.NDArray[np.generic], n: int) -> bool:
    return array.dtype.kind in "iuf" and array.ndim in (1, 2) and len(array) == n and array[:1].size > 0


def _shape(array: npt.NDArray[np.generic]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _listed(keys: Mapping[str, object]) -> str:
    return ", ".join(sorted(keys)) or "none"
