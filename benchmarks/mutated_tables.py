"""Latency tables broken at one random place in one random way (`python -m benchmarks.tables malformed`, and tests).

What is done to a table makes it invalid whatever the place; only a flipped bit may not (a blank for another blank), and
there Python's own JSON reader tells whether anything has changed. All others state no sha256 or the right one, so that
the fault itself must be found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.malformed_tables import Document, Malformed, Path, edited, good_document, without
from latency_tables import canonical_json
from search import Space

_NO_NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-1e12", "1e12", "9" * 1200, '"1.5"', '"x"', "true", "false",
    "[]", "[1]", "{}", '{"ms": 1}', "null",
)  # fmt: skip
"""In the place of a number that must be there; each is wrong for all of them."""
_NO_OBJECTS = ("null", "[]", "[{}]", "5", '"x"', "true")
_MARK = "the place of the mutation"
_MAY_BE_LEFT_OUT = ("provenance", "covers", "neighbour_ms", "honesty", "uncertainty", "device", "space")
Mutation = Callable[[Document, np.random.Generator], bytes]


def mutated(space: Space, count: int, seed: int) -> Iterator[Malformed]:
    """`count` broken tables, the same for the same seed."""
    good = good_document(space)
    rng = np.random.default_rng(seed)
    names = list(MUTATIONS)
    for number in range(count):
        name = names[int(rng.integers(len(names)))]
        yield Malformed(f"{number}: {name}", MUTATIONS[name](good, rng))


def _number(good: Document, rng: np.random.Generator) -> bytes:
    path = _pick(_numbers(good), rng)
    return _spliced(good, path, _pick(_NO_NUMBERS, rng), rng)


def _object(good: Document, rng: np.random.Generator) -> bytes:
    places = [("table",), ("table", "operator_ms"), ("table", "neighbour_ms"), ("table", "provenance")]
    return _spliced(good, _pick(places, rng), _pick(_NO_OBJECTS, rng), rng)


def _dropped(good: Document, rng: np.random.Generator) -> bytes:
    """Without a name that has no default, or without an operator."""
    inside: list[Path] = [("table", name) for name in good["table"] if name not in _MAY_BE_LEFT_OUT]
    for part in ("operator_ms", "honesty", "uncertainty"):
        inside += [("table", part, name) for name in good["table"][part]]
    return _sealed(without(good, _pick([("table",), *inside], rng)), rng)


def _renamed(good: Document, rng: np.random.Generator) -> bytes:
    """A name with one letter more: an unknown field, or no operator of the space."""
    path = _pick(_names(good), rng)
    value = _at(good, path)
    letter = _pick("abcxyz_0", rng)
    return _sealed(edited(without(good, path), (*path[:-1], f"{path[-1]}{letter}"), value), rng)


def _doubled(good: Document, rng: np.random.Generator) -> bytes:
    path = _pick(_names(good), rng)
    text = json.dumps(edited(good, path, _MARK))
    name, value = json.dumps(path[-1]), json.dumps(_at(good, path))
    return text.replace(f'{name}: "{_MARK}"', f"{name}: {value}, {name}: {value}", 1).encode()


def _truncated(good: Document, rng: np.random.Generator) -> bytes:
    text = json.dumps(good).encode()
    return text[: int(rng.integers(1, len(text)))]


def _flipped(good: Document, rng: np.random.Generator) -> bytes:
    """One bit of one byte turned over; the sha256 is stated, so that any change of a value is a fault."""
    while True:
        body = bytearray(json.dumps(good).encode())
        body[int(rng.integers(len(body)))] ^= 1 << int(rng.integers(8))
        if _has_changed(bytes(body), good):
            return bytes(body)


def _other_bytes(good: Document, rng: np.random.Generator) -> bytes:
    """Bytes that no UTF-8 has, somewhere."""
    text = json.dumps(good).encode()
    place = int(rng.integers(len(text)))
    return text[:place] + bytes(rng.integers(0xF8, 0x100, 3, dtype=np.uint8)) + text[place:]


def _other_sha256(good: Document, rng: np.random.Generator) -> bytes:
    return json.dumps(good | {"sha256": rng.bytes(32).hex()}).encode()


def _other_unit(good: Document, rng: np.random.Generator) -> bytes:
    """Every time some 10^5 times too long or too short: no device is so slow or so fast."""
    factor = float(10 ** rng.uniform(4.5, 5.0)) ** (1 if rng.random() < 0.5 else -1)
    table = good["table"]
    scaled = {
        "fixed_ms": factor * table["fixed_ms"],
        "operator_ms": {text: factor * ms for text, ms in table["operator_ms"].items()},
        "honesty": None,
    }
    return _sealed(edited(good, ("table",), table | scaled), rng)


def _wrong_cell(good: Document, rng: np.random.Generator) -> bytes:
    rows = good["table"]["operator_ms"]
    text = _pick(list(rows), rng)
    return _sealed(edited(good, ("table", "operator_ms", text), rows[text] * 10 ** rng.uniform(7, 9)), rng)


def _no_operator(good: Document, rng: np.random.Generator) -> bytes:
    """One letter of an operator replaced: another operator or none, so that the space lacks one."""
    rows = dict(good["table"]["operator_ms"])
    text = _pick(list(rows), rng)
    place = int(rng.integers(len(text)))
    letter = _pick([letter for letter in "abc 019=x/<é" if letter != text[place]], rng)
    rows[text[:place] + letter + text[place + 1 :]] = rows.pop(text)
    return _sealed(edited(good, ("table", "operator_ms"), rows), rng)


def _unfit_lists(good: Document, rng: np.random.Generator) -> bytes:
    """A list with an item more or less than belongs to it."""
    places = [("honesty", "predicted_ms"), ("honesty", "measured_ms"), ("uncertainty", "factor")]
    path: Path = ("table", *_pick([*places, ("uncertainty", "factor", 0)], rng))
    items = _at(good, path)
    return _sealed(edited(good, path, items[:-1] if rng.random() < 0.5 else [*items, items[-1]]), rng)


def _nested(good: Document, rng: np.random.Generator) -> bytes:
    depth = int(10 ** rng.uniform(0, 5))
    return _spliced(good, _pick(_numbers(good), rng), "[" * depth + "]" * depth, rng)


def _bad_text(good: Document, rng: np.random.Generator) -> bytes:
    """Half a surrogate pair, or a character that terminals obey, in a text."""
    texts = [name for name, value in good["table"]["provenance"].items() if isinstance(value, str)]
    path = ("table", "provenance", _pick(texts, rng))
    return _spliced(good, path, _pick(('"\\ud800"', '"a\\udfffb"', '"\\u0000"', '"\\u001b[2J"', '"\\u202e"'), rng), rng)


MUTATIONS: dict[str, Mutation] = {
    "no number": _number,
    "no object": _object,
    "name dropped": _dropped,
    "name changed": _renamed,
    "name twice": _doubled,
    "cut short": _truncated,
    "bit flipped": _flipped,
    "not UTF-8": _other_bytes,
    "another sha256": _other_sha256,
    "another unit": _other_unit,
    "wrong cell": _wrong_cell,
    "another operator": _no_operator,
    "length of a list": _unfit_lists,
    "nested": _nested,
    "text": _bad_text,
}


def _numbers(good: Document) -> list[Path]:
    """Places of numbers that must be there; those that may be null are left out."""
    table = good["table"]
    paths: list[Path] = [("table", "fixed_ms"), ("table", "provenance", "batch")]
    paths += [("table", "operator_ms", text) for text in table["operator_ms"]]
    paths += [("table", "neighbour_ms", text) for text in table["neighbour_ms"]]
    paths += [
        ("table", "honesty", name) for name in ("networks", "mape", "within_5", "within_10", "repeatability_mape")
    ]
    paths += [("table", "honesty", name, 3) for name in ("predicted_ms", "measured_ms")]
    paths += [("table", "uncertainty", name) for name in ("noise", "quantile")]
    return [*paths, ("table", "uncertainty", "factor", 1, 0)]


def _names(good: Document) -> list[Path]:
    """Places in objects, but what may have any name."""
    table = good["table"]
    paths: list[Path] = [("format",), ("table",), *(("table", name) for name in table)]
    for part in ("operator_ms", "provenance", "honesty", "uncertainty"):
        paths += [("table", part, name) for name in table[part]]
    return paths


def _at(document: Any, path: Path) -> Any:
    for name in path:
        document = document[name]
    return document


def _spliced(good: Document, path: Path, text: str, rng: np.random.Generator) -> bytes:
    """The document with a raw text, JSON or not, at one place."""
    body = json.dumps(edited(good, path, _MARK))
    if rng.random() < 0.5:
        body = json.dumps({"sha256": None} | json.loads(body))
    return body.replace(f'"{_MARK}"', text, 1).encode()


def _sealed(document: Document, rng: np.random.Generator) -> bytes:
    """The document, every second time with the sha256 of its table."""
    if "table" in document and rng.random() < 0.5:
        found = hashlib.sha256(canonical_json(document["table"]).encode()).hexdigest()
        document = document | {"sha256": found}
    return json.dumps(document).encode()


def _has_changed(body: bytes, good: Document) -> bool:
    try:
        return bool(json.loads(body) != good)
    except ValueError:
        return True


def _pick(items: Any, rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]
