"""Latency table files: read, check, write.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). The format is in `docs/latency-tables.md`; the
service reads tables at start, `lutnas measure` and the recovery tool write them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from latency_tables.atomic_file import replace_file
from latency_tables.errors import OperatorKeyError, TableFileError
from latency_tables.operator_key import OperatorKey
from latency_tables.provenance import Honesty, Kind, Provenance
from latency_tables.strict_json import parse_object
from latency_tables.table import LatencyTable, Neighbours, canonical_json
from latency_tables.uncertainty import Uncertainty

FORMAT = "lutnas-latency-table/2"
LARGEST_BYTES = 8 * 2**20
"""A row takes about 100 bytes, so that this is 80,000 operators."""
SHIPPED = Path(__file__).parent / "data"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Milliseconds = Annotated[float, Field(ge=0, le=600_000, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Tau = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _ProvenancePart(_Part):
    device: Name
    processor: Text
    runtime: Text
    runtime_version: Text
    threads: Count | None
    batch: Count
    precision: Text
    runs: Count | None
    statistic: Text
    date: Text
    source: Text
    kind: Kind
    notes: Annotated[str, StringConstraints(max_length=8000)]
    emulated: bool


class _HonestyPart(_Part):
    networks: Count
    mape: Error
    within_5: Fraction
    within_10: Fraction
    kendall_tau: Tau | None
    interval_coverage: Fraction | None
    repeatability_mape: Error
    repeatability_within_10: Fraction
    repeatability_tau: Tau | None
    predicted_ms: Annotated[list[Milliseconds], Field(max_length=10_000)]
    measured_ms: Annotated[list[Milliseconds], Field(max_length=10_000)]

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if not len(self.predicted_ms) == len(self.measured_ms) == self.networks:
            raise ValueError("predicted_ms and measured_ms must have one number for each of the networks")
        return self

    def honesty(self) -> Honesty:
        pairs = {"predicted_ms": tuple(self.predicted_ms), "measured_ms": tuple(self.measured_ms)}
        return Honesty(**(self.model_dump() | pairs))


class _UncertaintyPart(_Part):
    factor: Annotated[list[Annotated[list[Finite], Field(min_length=1, max_length=4096)]], Field(min_length=2)]
    noise: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
    quantile: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        if len({len(row) for row in self.factor}) != 1:
            raise ValueError("all rows of factor must be of one length")
        return self

    def uncertainty(self) -> Uncertainty:
        return Uncertainty(tuple(map(tuple, self.factor)), self.noise, self.quantile)


class _TablePart(_Part):
    device: Name
    space: Name
    fixed_ms: Milliseconds
    covers: list[str]
    operator_ms: Annotated[dict[str, Milliseconds], Field(min_length=1)]
    provenance: _ProvenancePart
    honesty: _HonestyPart | None
    neighbour_ms: dict[str, Annotated[float, Field(ge=-600_000, le=600_000, allow_inf_nan=False)]]
    uncertainty: _UncertaintyPart | None

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if self.provenance.device != self.device:
            raise ValueError(f"provenance.device is {self.provenance.device!r}, the table's device {self.device!r}")
        twice = set(self.covers) & set(self.operator_ms)
        if twice or len(set(self.covers)) != len(self.covers):
            raise ValueError(f"covers lists an operator twice or one that has a row: {sorted(twice)[:3]}")
        if self.uncertainty is not None and len(self.uncertainty.factor) != 1 + len(self.operator_ms):
            raise ValueError("uncertainty.factor needs a row for the fixed cost and one for each operator")
        return self

    def table(self) -> LatencyTable:
        return LatencyTable(
            self.device,
            self.space,
            self.fixed_ms,
            frozenset(map(OperatorKey.parse, self.covers)),
            {OperatorKey.parse(text): ms for text, ms in self.operator_ms.items()},
            Provenance(**self.provenance.model_dump()),
            None if self.honesty is None else self.honesty.honesty(),
            None if self.uncertainty is None else self.uncertainty.uncertainty(),
            {self._neighbours(text): ms for text, ms in self.neighbour_ms.items()},
        )

    def _neighbours(self, text: str) -> Neighbours:
        unknown = [part for part in text.split(" -> ") if part not in self.operator_ms and part not in self.covers]
        first, arrow, second = text.partition(" -> ")
        if unknown or not arrow:
            raise OperatorKeyError(text)
        return OperatorKey.parse(first), OperatorKey.parse(second)


class _TableFile(_Part):
    format: Literal["lutnas-latency-table/2"]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    table: _TablePart


def read_table(path: Path) -> LatencyTable:
    """Read and check a table file.

    Raises:
        TableFileError: the file cannot be read, is too large, not JSON, breaks the format or is damaged; the reason
            lists up to 20 faults, or both hashes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise TableFileError(str(path), f"cannot be read: {error.strerror}") from error
    return parse_table(data, str(path))


def parse_table(data: bytes, path: str) -> LatencyTable:
    """Read and check the bytes of a table file; `path` only names them in messages.

    Raises:
        TableFileError: see `read_table`.
    """
    if len(data) > LARGEST_BYTES:
        raise TableFileError(path, f"is larger than {LARGEST_BYTES} bytes, which no table is.")
    content = _json_object(data, path)
    if content.get("format") != FORMAT:
        raise TableFileError(path, f"format is {str(content.get('format'))[:60]!r}; this version reads {FORMAT!r}.")
    _check_sha256(content, path)
    try:
        return _TableFile.model_validate(content).table.table()
    except ValidationError as error:
        raise TableFileError(path, _faults(error)) from error
    except OperatorKeyError as error:
        raise TableFileError(path, str(error)) from error


def write_table(table: LatencyTable, path: Path) -> None:
    """Write a table so that a reader sees the old file or the whole new one, whenever the power fails.

    Raises:
        TableFileError: the table breaks the format (nothing is written), or the file cannot be written.
    """
    data = format_table(table).encode()
    parse_table(data, str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, mode=0o644)
    except OSError as error:
        raise TableFileError(str(path), f"cannot be written: {error.strerror}") from error


def format_table(table: LatencyTable) -> str:
    """The text of a table's file, the same for equal tables.

    Raises:
        TableFileError: a number is NaN or infinite.
    """
    try:
        content = {"format": FORMAT, "sha256": table.sha256, "table": table.content()}
        return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
    except ValueError as error:
        raise TableFileError(f"of {table.device} for {table.space}", "a latency is NaN or infinite.") from error


def shipped_tables() -> dict[tuple[str, str], LatencyTable]:
    """The tables of this package by (device, space).

    Raises:
        TableFileError: a shipped file is damaged.
    """
    tables = [read_table(path) for path in sorted(SHIPPED.glob("*/*.json"))]
    return {(table.device, table.space): table for table in tables}


def _json_object(data: bytes, path: str) -> dict[str, Any]:
    try:
        return parse_object(data)
    except ValueError as error:
        raise TableFileError(path, f"is not a JSON file, or is cut short: {str(error)[:200]}") from error


def _check_sha256(content: dict[str, Any], path: str) -> None:
    table = content.get("table")
    if not isinstance(table, dict):
        raise TableFileError(path, "has no object 'table'.")
    try:
        actual = hashlib.sha256(canonical_json(table).encode()).hexdigest()
    except ValueError as error:
        raise TableFileError(path, f"holds a number out of range: {error}") from error
    stated = str(content.get("sha256"))[:64]
    if actual != stated:
        raise TableFileError(
            path, f"is damaged: it states sha256 {stated}, its content has {actual}. Get the file again."
        )


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))[:150]}: {fault['msg']}" for fault in faults[:20])
