"""What the choices of each gene are: nothing, or an operator of a kind with numbers, read from blocks or from names.

Asked by `gene_encoding.py`. `mb3_k5` and a block of expansion 3 and kernel 5 are alike in this form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from search.space.base import GeneSpace
from search.space.blocks.base import Block
from search.space.chain import ChainSpace

NOTHING = frozenset({"identity", "none", "skip", "skip_connect", "zero", "id"})
_NUMBER = re.compile(r"([a-z]*)_?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Choice:
    """One choice of one gene; `kind` is None where it computes nothing."""

    kind: str | None
    numbers: Mapping[str, float] = field(default_factory=dict)


def read_choices(space: GeneSpace) -> tuple[tuple[Choice, ...], ...]:
    """The choices of each gene: from the blocks of a chain, from the names of any other space."""
    if isinstance(space, ChainSpace):
        return tuple(tuple(_of_block(block) for block in blocks) for blocks in space.layers)
    return tuple(tuple(_of_name(name) for name in names) for names in space.choice_names)


def _of_block(block: Block) -> Choice:
    key = block.operator_key
    if key is None:
        return Choice(None)
    return Choice(key.kind, {name: float(value) for name, value in key.attributes if name != "stride"})


def _of_name(name: str) -> Choice:
    """The numbers of a name by the letters before them, and the rest of the name as its kind."""
    text = name.lower()
    if text in NOTHING:
        return Choice(None)
    return Choice(
        _NUMBER.sub("", text).strip("_x"), {letters: float(number) for letters, number in _NUMBER.findall(text)}
    )
