"""The name of one measurable operator: what a row of a latency table is about.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). Blocks in `search.space.blocks` make keys,
tables, plans and the agent's results are indexed by them. A key knows shapes and numbers, no search space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from latency_tables.errors import OperatorKeyError

Shape = tuple[int, int, int]
"""Channels, height, width of one image's activation."""

_KEY = re.compile(
    r"(?P<kind>[a-z][a-z0-9_]*) in=(?P<input>[0-9x]+) out=(?P<output>[0-9x]+)(?P<attributes>( [a-z_]+=[0-9]+)*)"
)
_LONGEST_TEXT = 300


@dataclass(frozen=True, order=True)
class OperatorKey:
    """One operator: its kind, shapes and integer attributes. Two equal keys take the same time on a device.

    `attributes` are sorted by name, so that equal operators have one canonical text, for example
    `inverted_residual in=16x32x32 out=24x32x32 expansion=6 groups=1 kernel=3 stride=1`.
    """

    kind: str
    in_shape: Shape
    out_shape: Shape
    attributes: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(sorted(self.attributes)))

    def __str__(self) -> str:
        parts = [self.kind, f"in={_shape_text(self.in_shape)}", f"out={_shape_text(self.out_shape)}"]
        return " ".join(parts + [f"{name}={value}" for name, value in self.attributes])

    @classmethod
    def parse(cls, text: str) -> OperatorKey:
        """Read the canonical text back.

        Raises:
            OperatorKeyError: the text is not one that `str(key)` writes.
        """
        match = _KEY.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
        if match is None:
            raise OperatorKeyError(text)
        pairs = (item.split("=") for item in match["attributes"].split())
        key = cls(
            match["kind"],
            _parse_shape(match["input"], text),
            _parse_shape(match["output"], text),
            tuple((name, int(value)) for name, value in pairs),
        )
        if str(key) != text or len(dict(key.attributes)) != len(key.attributes):
            raise OperatorKeyError(text)
        return key


def _shape_text(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _parse_shape(text: str, key: str) -> Shape:
    sizes = [int(size) for size in text.split("x") if size]
    if len(sizes) != 3:
        raise OperatorKeyError(key)
    return sizes[0], sizes[1], sizes[2]
