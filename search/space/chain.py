"""Chain space: a stem, stages of layers with a choice of blocks each, and a head, read from a JSON file.

Used by the catalogue (`catalogue/`), and by users who write such a file of their own. One gene is one layer here,
and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from latency_tables import OperatorKey, Shape
from search.errors import SpaceFileError
from search.space.architecture import Architecture
from search.space.base import Cost, Genomes, Neighbours, check_genomes
from search.space.blocks.base import Block
from search.space.blocks.head import Head
from search.space.blocks.inverted_residual import InvertedResidual
from search.space.blocks.skip import Skip
from search.space.blocks.stem import Stem
from search.space.chain_operators import NeighbourCosts, count_operators, neighbour_costs

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Size = Annotated[int, Field(ge=1, le=4096)]


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("must be odd, so that the padding is the same on both sides")
    return number


Odd = Annotated[int, Field(ge=1, le=11), AfterValidator(_odd)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InvertedResidualChoice(_Part):
    """Fields of an inverted residual choice."""

    kind: Literal["inverted_residual"]
    kernel: Odd
    expansion: Annotated[int, Field(ge=1, le=16)]
    groups: Annotated[int, Field(ge=1, le=64)] = 1

    def block(self, label: str, in_shape: Shape, out_channels: int, stride: int) -> Block:
        return InvertedResidual(label, in_shape, out_channels, stride, self.kernel, self.expansion, self.groups)


class SkipChoice(_Part):
    """Fields of a skip choice."""

    kind: Literal["skip"]

    def block(self, label: str, in_shape: Shape, out_channels: int, stride: int) -> Block:
        return Skip(label, in_shape, out_channels, stride)


Choice = Annotated[InvertedResidualChoice | SkipChoice, Field(discriminator="kind")]


class StemPart(_Part):
    """Fields of the stem."""

    out_channels: Size
    kernel: Odd
    stride: Annotated[int, Field(ge=1, le=4)]


class StagePart(_Part):
    """Fields of one stage: layers of equal width."""

    out_channels: Size
    stride: Annotated[int, Field(ge=1, le=4)]
    layers: Annotated[list[Name], Field(min_length=1, max_length=64)]
    """For each layer the name of its choice set; the first layer has the stage's stride."""


class HeadPart(_Part):
    """Fields of the head."""

    hidden_channels: Size


class ChainFile(_Part):
    """The JSON file of a chain space."""

    format: Literal["lutnas-chain-space/1"]
    name: Name
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    input: Annotated[list[Size], Field(min_length=3, max_length=3)]
    classes: Annotated[int, Field(ge=2, le=100_000)]
    choices: Annotated[dict[Name, Choice], Field(min_length=1, max_length=256)]
    choice_sets: Annotated[dict[Name, Annotated[list[Name], Field(min_length=1)]], Field(min_length=1, max_length=256)]
    stem: StemPart
    stages: Annotated[list[StagePart], Field(min_length=1, max_length=32)]
    head: HeadPart


@dataclass(frozen=True)
class BlockCosts:
    """A cost of blocks over a chain space: `fixed` for stem and head, `(g, most choices)` per layer, NaN as padding."""

    fixed: npt.NDArray[np.float64]
    per_layer: npt.NDArray[np.float64]

    def _chosen(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        return self.per_layer[np.arange(self.per_layer.shape[0]), genomes]

    def total(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Sum over each architecture's blocks, `(n,)`."""
        return np.asarray(self.fixed.sum() + self._chosen(genomes).sum(axis=1))

    def largest(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Maximum over each architecture's blocks, `(n,)`."""
        return np.asarray(np.maximum(self.fixed.max(), self._chosen(genomes).max(axis=1)))

    def lowest_total(self) -> float:
        """The smallest `total` of any architecture of the space."""
        return float(self.fixed.sum() + np.nanmin(self.per_layer, axis=1).sum())

    def highest_total(self) -> float:
        """The largest `total` of any architecture of the space."""
        return float(self.fixed.sum() + np.nanmax(self.per_layer, axis=1).sum())

    def lowest_largest(self) -> float:
        """The smallest `largest` of any architecture of the space."""
        return float(max(self.fixed.max(), np.nanmin(self.per_layer, axis=1).max()))

    def highest_largest(self) -> float:
        """The largest `largest` of any architecture of the space."""
        return float(max(self.fixed.max(), np.nanmax(self.per_layer)))


@dataclass(frozen=True)
class ChainSpace:
    """A space whose genome names one block per layer."""

    name: str
    description: str
    input_shape: Shape
    classes: int
    stem: Stem
    layers: tuple[tuple[Block, ...], ...]
    head: Head
    gene_names: tuple[str, ...]
    sha256: str
    n_choices: npt.NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_choices", np.array([len(blocks) for blocks in self.layers], dtype=np.int64))

    @property
    def choice_names(self) -> tuple[tuple[str, ...], ...]:
        """For each layer the label of each choice."""
        return tuple(tuple(block.label for block in blocks) for blocks in self.layers)

    @property
    def positions(self) -> tuple[str, ...]:
        """Names of the places in the network, stem and head included."""
        return ("stem", *self.gene_names, "head")

    def architecture(self, genome: npt.NDArray[np.int64] | tuple[int, ...]) -> Architecture:
        """Make one genome concrete.

        Raises:
            GenomeError: wrong length or a gene out of range.
        """
        genes = tuple(check_genomes(self, [list(genome)])[0].tolist())
        chosen = (blocks[gene] for blocks, gene in zip(self.layers, genes, strict=True))
        return Architecture(self.name, genes, self.positions, (self.stem, *chosen, self.head))

    def operators(self) -> tuple[Block, ...]:
        """Every distinct block that has an operator key, stem first, head last."""
        every = (self.stem, *(block for blocks in self.layers for block in blocks), self.head)
        return tuple({block.operator_key: block for block in every if block.operator_key is not None}.values())

    def tabulate(self, cost: Cost) -> BlockCosts:
        """Tabulate a cost of single blocks (stem and head included)."""
        per_layer = np.full((len(self.layers), int(self.n_choices.max())), np.nan)
        for row, blocks in enumerate(self.layers):
            per_layer[row, : len(blocks)] = [cost(block) for block in blocks]
        return BlockCosts(np.array([cost(self.stem), cost(self.head)], dtype=np.float64), per_layer)

    def tabulate_neighbours(self, cost: Cost, neighbours: Neighbours) -> NeighbourCosts:
        """Tabulate a cost of single blocks and of operators that follow each other."""
        return neighbour_costs(self._blocks, cost, neighbours)

    def operator_counts(self, genomes: Genomes, keys: Sequence[OperatorKey]) -> npt.NDArray[np.float64]:
        """How often each architecture has each of these operators, `(n, k)`."""
        return count_operators(self._blocks, keys, genomes)

    @property
    def _blocks(self) -> tuple[tuple[Block, ...], ...]:
        return ((self.stem,), *self.layers, (self.head,))


def read_chain_space(path: Path) -> ChainSpace:
    """Read a chain space file.

    Raises:
        SpaceFileError: the file cannot be read, is not JSON or breaks the format; the message lists what and where.
    """
    try:
        return chain_space(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repeats))
    except RecursionError as error:
        raise SpaceFileError(str(path), "nested too deeply to be a space") from error
    except (OSError, ValueError) as error:
        reason = _faults(error) if isinstance(error, ValidationError) else str(error)
        raise SpaceFileError(str(path), reason) from error


def chain_space(content: object) -> ChainSpace:
    """Build a chain space from the content of its file.

    Raises:
        ValueError: the content breaks the format (pydantic's `ValidationError` is one).
    """
    spec = ChainFile.model_validate(content)
    _check_names(spec)
    channels, height, width = spec.input
    if height != width:
        raise ValueError("input must be [channels, size, size]: only square images are supported")
    stem = Stem("stem", (channels, height, width), spec.stem.out_channels, spec.stem.kernel, spec.stem.stride)
    shape = stem.out_shape
    layers: list[tuple[Block, ...]] = []
    for stage in spec.stages:
        for index, choice_set in enumerate(stage.layers):
            stride = stage.stride if index == 0 else 1
            layers.append(_layer_blocks(spec, choice_set, shape, stage.out_channels, stride))
            shape = layers[-1][0].out_shape
    names = tuple(f"layer{number}" for number in range(1, len(layers) + 1))
    head = Head("head", shape, spec.head.hidden_channels, spec.classes)
    canonical = json.dumps(spec.model_dump(), sort_keys=True, separators=(",", ":"))
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    first = (channels, height, width)
    return ChainSpace(spec.name, spec.description, first, spec.classes, stem, tuple(layers), head, names, sha256)


def _layer_blocks(spec: ChainFile, choice_set: str, shape: Shape, out_channels: int, stride: int) -> tuple[Block, ...]:
    blocks = []
    for label in spec.choice_sets[choice_set]:
        choice = spec.choices[label]
        groups = choice.groups if isinstance(choice, InvertedResidualChoice) else 1
        if shape[0] % groups or out_channels % groups:
            raise ValueError(f"choice {label}: {groups} groups do not divide {shape[0]} and {out_channels} channels")
        blocks.append(choice.block(label, shape, out_channels, stride))
    return tuple(blocks)


def _check_names(spec: ChainFile) -> None:
    for name, labels in spec.choice_sets.items():
        unknown = [label for label in labels if label not in spec.choices]
        if unknown or len(set(labels)) != len(labels):
            raise ValueError(f"choice_sets.{name}: {unknown or 'a choice twice'}; known: {', '.join(spec.choices)}")
    for number, stage in enumerate(spec.stages):
        unknown = [name for name in stage.layers if name not in spec.choice_sets]
        if unknown:
            raise ValueError(f"stages[{number}].layers: no choice set {unknown}; known: {', '.join(spec.choice_sets)}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict; a name that comes twice is a slip of the pen, and the last one must not win silently."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)[:80]!r} comes twice")
    return fields


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults[:20])
