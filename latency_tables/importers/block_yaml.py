"""The YAML tables of ProxylessNAS (Cai et al. 2019) and once-for-all (Cai et al. 2020): a mean in ms per block.

Part of `latency_tables/importers/`. The file is read as a stream of YAML events and nothing is constructed from it, so
that tags make no objects and aliases multiply nothing. `block_keys` knows what the keys mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from latency_tables.errors import RowFault, TableImportError
from latency_tables.importers.block_keys import operators_of
from latency_tables.importers.rows import Faults, ImportedRows, decoded, latency_fault

# The same grammar, in C where the wheel has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 8
_NOTES = (
    "The layout has no fixed cost: the sum of the rows is the network, so 0 ms is taken. Its first convolution has"
    " kernel 3. The time of ReLU6 is taken as that of ReLU."
)


@dataclass(frozen=True)
class _Cell:
    """One scalar of the file; `plain` when it was written without quotes."""

    line: int
    text: str
    plain: bool


def read_block_yaml(data: bytes, path: str) -> ImportedRows:
    """Read a YAML table with one mapping per block and `mean` in ms in it. `path` only names it in messages.

    Raises:
        TableImportError: with every faulty row and its line, or the place where the file stops being such a table.
    """
    faults = Faults(path)
    means: dict[str, tuple[int, float]] = {}
    for key, fields in _Stream(decoded(data, path), path).blocks(faults):
        reason = _fault(fields)
        if key.text in means:
            faults.add(key.line, key.text, f"stands in line {means[key.text][0]}, too; remove one")
        elif reason is not None:
            faults.add(key.line, key.text, reason)
        means.setdefault(key.text, (key.line, 0.0 if reason else float(fields["mean"].text)))
    if not means and not faults.found:
        faults.add(None, "", "has no blocks")
    operator_ms, left_out = operators_of(means, faults)
    faults.raise_if_any()
    return ImportedRows(path, operator_ms, None, frozenset(), left_out, _NOTES)


def _fault(fields: dict[str, _Cell]) -> str | None:
    mean = fields.get("mean")
    if mean is not None and not mean.plain:
        return "mean is a text in quotes, not a number"
    return latency_fault(mean.text if mean else "", "mean")


class _Stream:
    """The events of one YAML file, read in order; whatever is no table of blocks ends it with an error."""

    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._events = self._checked(text)

    def blocks(self, faults: Faults) -> Iterator[tuple[_Cell, dict[str, _Cell]]]:
        """Key and fields of every block; a block without fields is a fault."""
        for expected in (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.MappingStartEvent):
            event = next(self._events)
            if not isinstance(event, expected):
                raise self._stop(event, "must be one mapping: a block's key, a colon, and its fields")
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, value = self._cell(event), next(self._events)
            if isinstance(value, yaml.MappingStartEvent):
                yield key, self._fields(faults, key)
            else:
                self._skip(value)
                faults.add(key.line, key.text, "has no fields; write {mean: MILLISECONDS}")
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._stop(event, "begins a second document; a table is one")

    def _fields(self, faults: Faults, key: _Cell) -> dict[str, _Cell]:
        fields: dict[str, _Cell] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name, value = self._cell(event), next(self._events)
            if name.text in fields:
                faults.add(name.line, key.text, f"has the field {name.text[:40]!r} twice")
            cell = _Cell(name.line, "(a list or mapping)", plain=True)
            fields[name.text] = self._cell(value) if isinstance(value, yaml.ScalarEvent) else cell
            self._skip(value)
        return fields

    def _cell(self, event: yaml.Event) -> _Cell:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._stop(event, "a key must be a text")
        return _Cell(event.start_mark.line + 1, event.value, not event.style)

    def _skip(self, event: yaml.Event) -> None:
        """Pass over the rest of a value that has just begun."""
        depth = int(isinstance(event, yaml.CollectionStartEvent))
        while depth:
            event = next(self._events)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise self._stop(event, "is nested too deeply")

    def _checked(self, text: str) -> Iterator[yaml.Event]:
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                    raise self._stop(event, "anchors and aliases (& and *) are not read; write the values out")
                if getattr(event, "tag", None) is not None:
                    raise self._stop(event, f"tags are not read: {event.tag[:80]}")
                yield event
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable")
            line = None if mark is None else mark.line + 1
            raise TableImportError(self._path, [RowFault(line, "", f"is no YAML: {reason[:200]}")]) from error

    def _stop(self, event: yaml.Event, reason: str) -> TableImportError:
        mark = event.start_mark
        return TableImportError(self._path, [RowFault(None if mark is None else mark.line + 1, "", reason)])
