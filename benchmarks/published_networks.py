"""Networks with published latencies: an `.npz` in the layout of the shared data folder as arrays."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[np.generic]]

PREFIX = "latency_ms_"
BROKEN_SHARE = 0.05
"""An entry below this share of its device's median is broken."""
_EDGE = re.compile(r"(\d+)->(\d+)")


class NetworksFileError(Exception):
    """A file is not what the benchmark reads; the message says what and where."""


@dataclass(frozen=True)
class PublishedNetworks:
    """Networks of one space with latencies on some devices.

    Attributes:
        readings: for each way to count operators `(n, 1 + k)`, a column of ones first: every choice of every gene; and,
            for cells whose genes are edges of a graph, only edges from which the output can be reached.
        latency_ms: by device `(n,)`; NaN where an entry is missing or broken.
        choices: number of choices of each gene.
        names: of the choices; empty where the file has none.
    """

    path: Path
    readings: tuple[Floats, ...]
    latency_ms: dict[str, Floats]
    choices: tuple[int, ...]
    names: tuple[str, ...] = ()

    @property
    def kinds(self) -> Integers:
        """The choice that each column counts, `(1 + k,)`: one kind at many places; -1 for the fixed cost."""
        return np.array([-1, *(choice for number in self.choices for choice in range(number))])


def read_pair(first: Path, second: Path) -> tuple[PublishedNetworks, PublishedNetworks]:
    """Read two files of one space; they may be the same file.

    Raises:
        NetworksFileError: as `read_networks`; or they are of different spaces.
    """
    one, other = read_networks(first), read_networks(second)
    if len(one.choices) == len(other.choices):
        # A file that does not say its choices may lack the last ones, which none of its networks has.
        widest = tuple(map(max, one.choices, other.choices))
        one, other = read_networks(first, widest), read_networks(second, widest)
    names_differ = one.names and other.names and one.names != other.names
    if one.choices != other.choices or names_differ:
        raise NetworksFileError(f"{first} and {second} are of different spaces: genes or choices differ.")
    return one, other


def read_networks(path: Path, choices: tuple[int, ...] | None = None) -> PublishedNetworks:
    """Read and check a file; `choices` is for one that does not state its own.

    Raises:
        NetworksFileError: it cannot be read, or lacks genes or latencies of the right shape.
    """
    try:
        # numpy leaves a path's file open when it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise NetworksFileError(f"{path}: cannot be read as .npz: {error}") from error
    genes = arrays.get("genes")
    if genes is None or genes.ndim != 2 or genes.dtype.kind not in "iu" or genes.size == 0 or genes.min() < 0:
        raise NetworksFileError(f"{path}: needs an integer array 'genes' (networks, genes) with values from 0.")
    genes = genes.astype(np.int64)
    choices = _choices(path, arrays, genes, choices)
    latency_ms = {
        name.removeprefix(PREFIX): _cleaned(path, name, values, len(genes))
        for name, values in arrays.items()
        if name.startswith(PREFIX)
    }
    if not latency_ms:
        raise NetworksFileError(f"{path}: has no array '{PREFIX}<device>'.")
    readings = tuple(_readings(arrays, genes, choices))
    return PublishedNetworks(path, readings, latency_ms, choices, _texts(arrays, "choice_names"))


def _choices(path: Path, arrays: Arrays, genes: Integers, unstated: tuple[int, ...] | None = None) -> tuple[int, ...]:
    given, names = arrays.get("n_choices"), _texts(arrays, "choice_names")
    if given is not None:
        if given.dtype.kind not in "iu" or given.shape not in ((), genes.shape[1:]):
            raise NetworksFileError(f"{path}: 'n_choices' must have one integer for each gene.")
        choices = np.broadcast_to(given.astype(np.int64), genes.shape[1:])
    elif names:
        choices = np.full(genes.shape[1], len(names))
    else:
        choices = genes.max(axis=0) + 1 if unstated is None else np.array(unstated)
    if (genes >= choices).any():
        raise NetworksFileError(f"{path}: a gene is not below its number in 'n_choices' or 'choice_names'.")
    return tuple(choices.tolist())


def _texts(arrays: Arrays, name: str) -> tuple[str, ...]:
    return tuple(str(text) for text in arrays.get(name, np.array([])).ravel())


def _cleaned(path: Path, name: str, values: npt.NDArray[np.generic], n: int) -> Floats:
    if values.shape != (n,) or values.dtype.kind not in "fiu":
        raise NetworksFileError(f"{path}: '{name}' must have one number for each of the {n} networks.")
    latency_ms = values.astype(np.float64)
    usable = np.isfinite(latency_ms) & (latency_ms > 0)
    if not usable.any():
        raise NetworksFileError(f"{path}: '{name}' has no latency above 0.")
    usable &= latency_ms >= BROKEN_SHARE * np.median(latency_ms[usable])
    return np.where(usable, latency_ms, np.nan)


def _readings(arrays: Arrays, genes: Integers, choices: tuple[int, ...]) -> list[Floats]:
    readings = [_count(genes, choices)]
    edges = [_EDGE.fullmatch(name) for name in _texts(arrays, "gene_names")]
    names = _texts(arrays, "choice_names")
    ends = [(int(edge[1]), int(edge[2])) for edge in edges if edge]
    if len(ends) == genes.shape[1] and "none" in names:
        nothing = names.index("none")
        readings.append(_count(np.where(_used(genes != nothing, ends), genes, nothing), choices))
    return readings


def _count(genes: Integers, choices: tuple[int, ...]) -> Floats:
    columns = [genes[:, [gene]] == np.arange(number) for gene, number in enumerate(choices)]
    return np.column_stack([np.ones(len(genes)), *columns]).astype(np.float64)


def _used(present: npt.NDArray[np.bool_], ends: list[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Edges from which the last node can be reached, `(n, edges)`: a runtime may remove all others."""
    last = max(end for _, end in ends)
    reaches = np.zeros((len(present), last + 1), dtype=np.bool_)
    reaches[:, last] = True
    for node in range(last - 1, -1, -1):
        for edge, (start, end) in enumerate(ends):
            if start == node:
                reaches[:, node] |= present[:, edge] & reaches[:, end]
    return np.stack([present[:, edge] & reaches[:, end] for edge, (_, end) in enumerate(ends)], axis=1)
