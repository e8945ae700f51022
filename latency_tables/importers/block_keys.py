"""What the block keys of ProxylessNAS and once-for-all mean, and which operators of lutnas they are.

Part of `latency_tables/importers/`, called by `block_yaml`. Shapes in a key are height x width x channels. A block that
differs from ours in what it computes is left out with the reason; none is taken for another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from latency_tables.errors import RowFault
from latency_tables.importers.rows import Faults
from latency_tables.operator_key import OperatorKey, Shape

Means = Mapping[str, tuple[int, float]]
"""For each key its line and its mean in ms."""
_STEM_KERNEL = 3
_MOST_HEADS = 10_000
"""Every pair is one, so that a small file could make millions."""
_HEAD_KINDS = ("Conv_1", "Conv_2", "AvgPool2D", "Logits")
_SIZE = r"[1-9][0-9]{0,4}"
_KEY = re.compile(
    rf"(?P<kind>Conv|Conv_1|Conv_2|AvgPool2D|Logits|expanded_conv)"
    rf"-input:(?P<input>{_SIZE}x{_SIZE}x{_SIZE})-output:(?P<output>{_SIZE}(?:x{_SIZE}x{_SIZE})?)"
    rf"(?P<block>-expand:(?P<expand>{_SIZE})-kernel:(?P<kernel>{_SIZE})-stride:(?P<stride>{_SIZE})"
    rf"-idskip:(?P<idskip>[01])(?P<mobile>-se:(?P<se>[01])-hs:(?P<hs>[01]))?)?"
)
_EXAMPLE = "expanded_conv-input:56x56x24-output:28x28x40-expand:3-kernel:5-stride:2-idskip:0"


@dataclass(frozen=True)
class _Row:
    """One row with its key taken apart; the numbers of a block are 0 for other kinds."""

    line: int
    text: str
    ms: float
    kind: str
    input: Shape
    output: Shape
    expand: int
    kernel: int
    stride: int
    idskip: bool
    mobile: bool
    """Once-for-all's MobileNetV3 keys, with `se` and `hs`: there `expand` counts channels."""
    other: str
    """Why the block is none of ours whatever its numbers, or nothing."""


@dataclass
class _Found:
    """Operators with the row that gave each, and rows that are none of ours."""

    faults: Faults
    rows: dict[OperatorKey, tuple[_Row, float]] = field(default_factory=dict)
    left_out: list[RowFault] = field(default_factory=list)

    def add(self, key: OperatorKey, row: _Row, ms: float) -> None:
        """Take an operator in; a second row for it is a fault."""
        first, _ = self.rows.setdefault(key, (row, ms))
        if first is not row:
            self.faults.add(row.line, row.text, f"is the same operator as line {first.line}: {key}; remove one")

    def leave_out(self, row: _Row, reason: str) -> None:
        """Remember why a row is no operator of lutnas."""
        self.left_out.append(RowFault(row.line, row.text, reason))


def operators_of(means: Means, faults: Faults) -> tuple[dict[OperatorKey, float], tuple[RowFault, ...]]:
    """Operators in ms, and rows that are none of ours; keys that cannot be read or contradict themselves are faults.

    `Conv` is the stem. `expanded_conv` is an inverted residual without groups. `Conv_1`, `AvgPool2D` where there is
    one, and `Logits` are the head: every pair whose shapes fit is one, with the sum of the times.
    """
    rows = [row for text, (line, ms) in means.items() if (row := _row(line, text, ms, faults)) is not None]
    counts_channels = any(row.mobile and row.expand >= row.input[0] for row in rows)
    found = _Found(faults)
    for row in rows:
        if row.kind == "expanded_conv":
            _inverted_residual(row, counts_channels, found)
        elif row.kind == "Conv":
            _stem(row, found)
    _heads([row for row in rows if row.kind in _HEAD_KINDS], found)
    left_out = sorted(found.left_out, key=lambda fault: fault.line or 0)
    return {key: ms for key, (_, ms) in found.rows.items()}, tuple(left_out)


def _row(line: int, text: str, ms: float, faults: Faults) -> _Row | None:
    match = _KEY.fullmatch(text)
    if match is None or (match["block"] is None) == (match["kind"] == "expanded_conv"):
        faults.add(line, text, f"is no key of this layout; write it like {_EXAMPLE}")
        return None
    differs = [words for name, words in (("se", "squeeze-excitation"), ("hs", "h-swish")) if match[name] == "1"]
    return _Row(
        line,
        text,
        ms,
        kind=match["kind"],
        input=_shape(match["input"]),
        output=_shape(match["output"]),
        expand=int(match["expand"] or 0),
        kernel=int(match["kernel"] or 0),
        stride=int(match["stride"] or 0),
        idskip=match["idskip"] == "1",
        mobile=match["mobile"] is not None,
        other=f"has {' and '.join(differs)}, which no operator here has" if differs else "",
    )


def _shape(text: str) -> Shape:
    """Channels first; a single number is channels."""
    sizes = [int(size) for size in text.split("x")]
    height, width = sizes[:2] if len(sizes) == 3 else (1, 1)
    return sizes[-1], height, width


def _inverted_residual(row: _Row, counts_channels: bool, found: _Found) -> None:
    if row.output[1:] != tuple(-(-size // row.stride) for size in row.input[1:]):
        found.faults.add(row.line, row.text, "its output size does not follow from its input size and stride")
        return
    if row.idskip and row.input != row.output:
        found.faults.add(row.line, row.text, "idskip:1 adds the input to the output, but their shapes differ")
        return
    expansion, rest = divmod(row.expand, row.input[0]) if row.mobile and counts_channels else (row.expand, 0)
    reason = row.other or _difference(row, expansion, rest)
    if reason:
        found.leave_out(row, reason)
        return
    attributes = (("expansion", expansion), ("groups", 1), ("kernel", row.kernel), ("stride", row.stride))
    found.add(OperatorKey("inverted_residual", row.input, row.output, attributes), row, row.ms)


def _difference(row: _Row, expansion: int, rest: int) -> str:
    """What an inverted residual of lutnas does otherwise, or nothing."""
    if rest:
        return f"its {row.expand} middle channels are no multiple of its {row.input[0]} input channels"
    if expansion == 1:
        return "expands by 1, which here is a 1x1 convolution and there none"
    if not row.idskip and row.input == row.output:
        return "has no identity, which here every block of unchanged shape has"
    if row.kernel % 2 == 0:
        return "has an even kernel"
    return ""


def _stem(row: _Row, found: _Found) -> None:
    stride = -(-row.input[1] // row.output[1])
    if row.output[1:] != tuple(-(-size // stride) for size in row.input[1:]):
        found.faults.add(row.line, row.text, "no stride makes its output size of its input size")
        return
    found.add(OperatorKey("stem", row.input, row.output, (("kernel", _STEM_KERNEL), ("stride", stride))), row, row.ms)


def _heads(rows: Sequence[_Row], found: _Found) -> None:
    """Add every head that the rows make, and leave out what is part of none."""
    used: set[str] = set()
    for number, parts in enumerate(_heads_of(rows)):
        if number == _MOST_HEADS:
            found.faults.add(None, "", f"its Conv_1 and Logits rows make more than {_MOST_HEADS:,} heads")
            return
        hidden, logits = parts[0], parts[-1]
        key = OperatorKey("head", hidden.input, logits.output, (("hidden", hidden.output[0]),))
        found.add(key, logits, sum(part.ms for part in parts))
        used |= {part.text for part in parts}
    for row in rows:
        if row.text not in used:
            found.leave_out(row, "is part of no head here: a 1x1 convolution, pooling, a classifier")


def _heads_of(rows: Sequence[_Row]) -> Iterator[tuple[_Row, ...]]:
    """The rows of every head: pooling is a row of its own, or inside `Logits`."""
    pools = {row.input: row for row in rows if row.kind == "AvgPool2D" and row.output == (row.input[0], 1, 1)}
    classifiers: dict[Shape, list[_Row]] = {}
    for row in rows:
        if row.kind == "Logits":
            classifiers.setdefault(row.input, []).append(row)
    for hidden in rows:
        if hidden.kind != "Conv_1" or hidden.input[1:] != hidden.output[1:]:
            continue
        yield from ((hidden, logits) for logits in classifiers.get(hidden.output, ()))
        pool = pools.get(hidden.output)
        if pool is not None and pool.output != hidden.output:
            yield from ((hidden, pool, logits) for logits in classifiers.get(pool.output, ()))
