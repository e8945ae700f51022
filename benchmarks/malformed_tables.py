"""Latency tables that are wrong in one way each, made by hand (`python -m benchmarks.tables malformed`, and tests).

Each is made from a good table, so that the fault is known, and states the place that the answer must name. sha256 is
left out, so that it is not what gives them away. `mutated_tables.py` makes more by seeded mutation.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latency_tables import Honesty, LatencyTable, Provenance, Uncertainty, format_table
from search import Space, random_genomes

DEVICE = "malformed-board"
Document = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Malformed:
    """One bad body.

    Attributes:
        places: JSON pointers of which the answer must name one; any will do where it is empty.
    """

    name: str
    body: bytes
    places: tuple[str, ...] = ()


def good_table(space: Space) -> LatencyTable:
    """A table with every part: 1 ms per 10^6 macs, the first operator covered."""
    blocks = space.operators()
    rows = {block.operator_key: 0.01 + block.macs / 1e6 for block in blocks[1:] if block.operator_key is not None}
    first, second = sorted(rows, key=str)[:2]
    factor = ((0.01, 0.0), *((0.002, 0.001),) * len(rows))
    provenance = Provenance(
        DEVICE, "none", "none", "0", 1, 1, "float32", 9, "made up", "2026-11-22", "a benchmark", "measured"
    )
    covered = frozenset(block.operator_key for block in blocks[:1] if block.operator_key is not None)
    neighbours = {(first, second): -0.001}
    uncertainty = Uncertainty(factor, 0.02, 1.7)
    table = LatencyTable(DEVICE, space.name, 0.5, covered, rows, provenance, None, uncertainty, neighbours)
    return replace(table, honesty=_honesty(space, table))


def _honesty(space: Space, table: LatencyTable) -> Honesty:
    """Of twelve networks, each third one 8 % off and the others 1 %."""
    networks = map(space.architecture, random_genomes(space, 12, np.random.default_rng(0)))
    predicted = np.array([table.total_ms(network.operator_keys) for network in networks])
    errors = np.where(np.arange(12) % 3 == 0, 0.08, 0.01)
    measured = predicted / (1 + errors)
    pairs = tuple(predicted.tolist()), tuple(measured.tolist())
    return Honesty(12, float(np.mean(errors)), 8 / 12, 1.0, 0.9, 0.9, 0.01, 1.0, None, *pairs)


def good_document(space: Space) -> Document:
    """`good_table` as it is sent."""
    document: Document = json.loads(format_table(good_table(space)))
    return document


def edited(document: Document, path: Path, value: Any) -> Document:
    """A copy without sha256 and with another value at one place."""
    changed = {name: part for name, part in copy.deepcopy(document).items() if name != "sha256"}
    place: Any = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed


def without(document: Document, path: Path) -> Document:
    """A copy without sha256 and without what stands at one place."""
    changed = edited(document, path, None)
    place: Any = changed
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return changed


ROWS: Path = ("table", "operator_ms")
HONESTY: Path = ("table", "honesty")
UNCERTAINTY: Path = ("table", "uncertainty")
PROVENANCE: Path = ("table", "provenance")
NEIGHBOURS: Path = ("table", "neighbour_ms")


def by_hand(space: Space) -> list[Malformed]:
    """Every kind of fault that somebody thought of; names tell them."""
    good = good_document(space)
    rows = sorted(good["table"]["operator_ms"])
    row, covered = rows[3], good["table"]["covers"][0]
    neighbours = next(iter(good["table"]["neighbour_ms"]))
    made = [*_bad_cells(good, row), *_bad_parts(good), *_bad_names(good), *_bad_operators(good, rows, covered)]
    made += [*_bad_sums(good, row, neighbours), *_bad_shapes(good), *_bad_json(good, row)]
    return made


def _bad_cells(good: Document, row: str) -> Iterator[Malformed]:
    values = {
        "zero": 0, "minus zero": -0.0, "negative": -1.5, "denormal": 5e-324, "below a nanosecond": 1e-9, "huge": 1e300,
        "an hour": 3.6e6, "integer of 400 digits": 10**400, "text": "1.5", "text nan": "nan", "null": None,
        "true": True, "list": [1.5], "object": {"mean": 1.5},
    }  # fmt: skip
    for name, value in values.items():
        yield Malformed(f"row: {name}", _changed(good, (*ROWS, row), value), (f"/table/operator_ms/{row}",))
        if name not in ("zero", "minus zero", "denormal", "below a nanosecond"):
            yield Malformed(f"fixed_ms: {name}", _changed(good, ("table", "fixed_ms"), value), ("/table/fixed_ms",))


def _bad_parts(good: Document) -> Iterator[Malformed]:
    edits: dict[str, tuple[Path, Any]] = {
        "operator_ms: empty": (ROWS, {}),
        "operator_ms: list": (ROWS, [1.0, 2.0]),
        "operator_ms: null": (ROWS, None),
        "covers: text": (("table", "covers"), "stem"),
        "covers: number inside": (("table", "covers", 0), 5),
        "table: list": (("table",), []),
        "table: text": (("table",), "see attachment"),
        "table: null": (("table",), None),
        "format: older": (("format",), "lutnas-latency-table/1"),
        "format: number": (("format",), 2),
        "sha256: of another table": (("sha256",), "0" * 64),
        "sha256: short": (("sha256",), "abc"),
        "sha256: upper case": (("sha256",), "A" * 64),
        "sha256: number": (("sha256",), 5),
        "unknown field": (("owner",), "me"),
        "unknown field of the table": (("table", "unit"), "s"),
        "neighbour_ms: list": (NEIGHBOURS, []),
        "honesty: text": (HONESTY, "good"),
        "uncertainty: number": (UNCERTAINTY, 0.1),
        "provenance: null": (PROVENANCE, None),
        "provenance: unknown kind": ((*PROVENANCE, "kind"), "guessed"),
        "provenance: no threads": ((*PROVENANCE, "threads"), 0),
        "provenance: half a thread": ((*PROVENANCE, "threads"), 1.5),
        "provenance: emulated as text": ((*PROVENANCE, "emulated"), "no"),
        "provenance: empty text": ((*PROVENANCE, "source"), ""),
        "provenance: text of 10,000": ((*PROVENANCE, "notes"), "x" * 10_000),
        "provenance: escape sequence": ((*PROVENANCE, "processor"), "\x1b[31mred"),
        "provenance: turned around": ((*PROVENANCE, "source"), "a\u202eb"),
        "provenance: unknown field": ((*PROVENANCE, "owner"), "me"),
    }
    for name, (path, value) in edits.items():
        yield Malformed(name, _changed(good, path, value), ("/" + "/".join(map(str, path)),))
    for path in (("table",), ("table", "fixed_ms"), ROWS):
        yield Malformed(f"without {path[-1]}", _body(without(good, path)), ("/" + "/".join(map(str, path)),))


def _bad_names(good: Document) -> Iterator[Malformed]:
    for name in ("other-board", "../../etc/passwd", "CON", "a b", "", "x" * 65, "board\n", "b\u00f6ard", 5, "<b>"):
        label = str(name)[:20]
        yield Malformed(f"device {label!r}", _changed(good, ("table", "device"), name), ("/table/device",))
        place = (*PROVENANCE, "device")
        yield Malformed(f"provenance.device {label!r}", _changed(good, place, name), ("/table/provenance/device",))
    yield Malformed("another space", _changed(good, ("table", "space"), "other-space"), ("/table/space",))


def _bad_operators(good: Document, rows: list[str], covered: str) -> Iterator[Malformed]:
    others = {text: ms for text, ms in good["table"]["operator_ms"].items() if text != rows[3]}
    yield Malformed("an operator missing", _changed(good, ROWS, others), (f"/table/operator_ms/{rows[3]}",))
    yield Malformed("one row alone", _changed(good, ROWS, {rows[0]: 1.0}))
    yield Malformed("covered no more", _changed(good, ("table", "covers"), []), (f"/table/operator_ms/{covered}",))
    for name, text in {
        "nothing": "", "words": "conv 3x3 no 5", "spaces": rows[3].replace(" ", "  "), "upper case": rows[3].upper(),
        "attributes in another order": "skip in=8x8x8 out=8x8x8 stride=1 kernel=3", "a blank behind": rows[3] + " ",
        "two sizes": "skip in=8x8 out=8x8x8", "1,000 letters": "skip" * 250, "tags": "<img src=x>", "a path": "../../x",
        "negative size": "skip in=-8x8x8 out=8x8x8",
    }.items():  # fmt: skip
        yield Malformed(f"row called {name}", _changed(good, ROWS, {text: 1.0} | good["table"]["operator_ms"]))
        yield Malformed(f"covers {name}", _changed(good, ("table", "covers"), [covered, text]), ("/table/covers/1",))
    yield Malformed("covered twice", _changed(good, ("table", "covers"), [covered, covered]), ("/table/covers/1",))
    both = _changed(good, ("table", "covers"), [covered, rows[0]])
    yield Malformed("covered and a row", both, ("/table/covers/1",))


def _bad_sums(good: Document, row: str, neighbours: str) -> Iterator[Malformed]:
    cells = good["table"]["operator_ms"]
    for name, factor in {"seconds": 1e-4, "microseconds": 3e3}.items():
        scaled = {text: ms * factor for text, ms in cells.items()}
        document = edited(edited(good, ROWS, scaled), ("table", "fixed_ms"), 0.5 * factor)
        yield Malformed(f"unit: {name}", _body(document), ("/table/operator_ms",))
    scaled = {text: ms * 5 for text, ms in cells.items()}
    yield Malformed(
        "rows edited after they were judged", _changed(good, ROWS, scaled), ("/table/honesty/predicted_ms",)
    )
    everything_free = edited(edited(good, ROWS, {row: 1e-5}), ("table", "fixed_ms"), 0.0)
    everything_free = edited(everything_free, ("table", "covers"), [*good["table"]["covers"], *(set(cells) - {row})])
    for part in ("uncertainty", "honesty"):
        everything_free = edited(everything_free, ("table", part), None)
    everything_free = edited(everything_free, NEIGHBOURS, {})
    yield Malformed("everything covered and free", _body(everything_free), ("/table/operator_ms",))
    largest = max(cells, key=lambda text: float(cells[text]))
    wrong = _changed(good, (*ROWS, largest), 1e5 * cells[largest])
    yield Malformed("wrong cell", wrong, (f"/table/operator_ms/{largest}",))
    for name, text, value in (
        ("below nothing", neighbours, -1e4),
        ("not finite", neighbours, 1e300),
        ("of one operator", row, 0.1),
        ("of three", f"{row} -> {row} -> {row}", 0.1),
        ("of unknown ones", "skip in=9x9x9 out=9x9x9 -> skip in=9x9x9 out=9x9x9", 0.1),
        ("of words", "first -> second", 0.1),
    ):
        safe = text if text in (neighbours, row) else ""
        places = (f"/table/neighbour_ms/{safe}",) if safe else ()
        yield Malformed(f"neighbours {name}", _changed(good, NEIGHBOURS, {text: value}), places)


def _bad_shapes(good: Document) -> Iterator[Malformed]:
    factor = good["table"]["uncertainty"]["factor"]
    edits: dict[str, tuple[Path, Any]] = {
        "factor: a row short": ((*UNCERTAINTY, "factor"), factor[1:]),
        "factor: ragged": ((*UNCERTAINTY, "factor"), [[*factor[0], 1.0], *factor[1:]]),
        "factor: empty": ((*UNCERTAINTY, "factor"), []),
        "factor: text inside": ((*UNCERTAINTY, "factor", 0, 0), "0"),
        "quantile: 0": ((*UNCERTAINTY, "quantile"), 0),
        "noise: negative": ((*UNCERTAINTY, "noise"), -0.1),
        "mape: not what the pairs give": ((*HONESTY, "mape"), 0.001),
        "within_5: not what the pairs give": ((*HONESTY, "within_5"), 1.0),
        "within_10: percent": ((*HONESTY, "within_10"), 98.0),
        "kendall_tau: 2": ((*HONESTY, "kendall_tau"), 2),
        "networks: 0": ((*HONESTY, "networks"), 0),
        "predicted_ms: one short": ((*HONESTY, "predicted_ms"), good["table"]["honesty"]["predicted_ms"][1:]),
        "measured_ms: a zero": ((*HONESTY, "measured_ms", 2), 0),
    }
    for name, (path, value) in edits.items():
        yield Malformed(name, _changed(good, path, value), ("/" + "/".join(map(str, path)),))


def _bad_json(good: Document, row: str) -> Iterator[Malformed]:
    text = json.dumps({"format": good["format"], "table": good["table"]})
    cell = f'"{row}": {json.dumps(good["table"]["operator_ms"][row])}'
    place = (f"/table/operator_ms/{row}",)
    for name, value in {
        "NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity", "1e999": "1e999", "5,000 digits": "9" * 5000,
    }.items():  # fmt: skip
        yield Malformed(f"json: {name}", text.replace(cell, f'"{row}": {value}').encode(), place)
    yield Malformed("json: row twice", text.replace(cell, f"{cell}, {cell}").encode(), place)
    twice = text.replace('"fixed_ms"', '"fixed_ms": 1.0, "fixed_ms"').encode()
    yield Malformed("json: fixed_ms twice", twice, ("/table/fixed_ms",))
    half = text.replace('"a benchmark"', '"\\ud800"').encode()
    yield Malformed("json: half a surrogate pair", half, ("/table/provenance/source",))
    for name, body in {
        "empty": b"", "words": b"not json", "null": b"null", "number": b"5", "list": b"[]", "empty object": b"{}",
        "truncated": text[:-5].encode(), "byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "two documents": (text + text).encode(), "UTF-16": text.encode("utf-16"), "Latin-1": b'{"table": "\xe9"}',
        "gzip": b"\x1f\x8b\x08\x00\x00", "nested 100,000 times": b"[" * 100_000,
        "comment": b"// a table\n" + text.encode(),
        "single quotes": text.replace('"', "'").encode(), "a comma too many": text[:-1].encode() + b",}",
        "nested in a row": text.replace(cell, f'"{row}": ' + "[" * 600 + "]" * 600).encode(),
        "NUL": text.encode() + b"\0",
    }.items():  # fmt: skip
        yield Malformed(f"json: {name}", body)


def _changed(good: Document, path: Path, value: Any) -> bytes:
    return _body(edited(good, path, value))


def _body(document: Document) -> bytes:
    return json.dumps(document).encode()
