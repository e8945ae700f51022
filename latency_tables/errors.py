"""Everything that can go wrong with a latency table.

LatencyTableError
 +-- OperatorKeyError        a text is not an operator key
 +-- MissingOperatorError    a table lacks operators that an architecture needs
 +-- TableFileError          a table file cannot be read, is damaged or breaks the format
 +-- PlanError               a measurement plan is damaged or breaks the format
 +-- MeasurementError        the agent could not time a plan, or its result does not fit the plan
 +-- TableImportError        a file of another layout cannot become a table; carries every faulty row
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RowFault:
    """What is wrong with one row of an imported file; `line` counts from 1, None where the whole file is meant."""

    line: int | None
    row: str
    reason: str

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}"
        place = ", ".join(part for part in (line, self.row[:120]) if part)
        text = f"{place or 'the file'}: {self.reason}"
        # Control characters of a stranger's file would reach the terminal.
        return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)


@dataclass(frozen=True)
class ResultFault:
    """What is wrong at one place of the agent's result; `place` leads to it, name by name."""

    place: tuple[str | int, ...]
    reason: str


class LatencyTableError(Exception):
    """Root of all errors of `latency_tables`."""


class OperatorKeyError(LatencyTableError):
    """A text is not an operator key."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:120]!r} is not an operator key. Write it like"
            " 'inverted_residual in=16x32x32 out=24x32x32 expansion=6 groups=1 kernel=3 stride=1'."
        )
        self.text = text


class MissingOperatorError(LatencyTableError):
    """A table lacks operators that an architecture needs; a latency is never guessed."""

    def __init__(self, device: str, operator_keys: tuple[str, ...]) -> None:
        more = f" and {len(operator_keys) - 5} more" if len(operator_keys) > 5 else ""
        listed = "; ".join(operator_keys[:5]) + more
        super().__init__(f"The latency table of {device} has no row for: {listed}. Measure the device for this space.")
        self.device = device
        self.operator_keys = operator_keys


class TableFileError(LatencyTableError):
    """A table file cannot be read, is damaged or breaks the format."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Latency table {path}: {reason}")
        self.path = path
        self.reason = reason


class PlanError(LatencyTableError):
    """A measurement plan is damaged or breaks the format."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"Measurement plan, {where}: {reason}")
        self.where = where
        self.reason = reason


class MeasurementError(LatencyTableError):
    """The agent could not time a plan, or its result does not fit the plan; `faults` say where in the result."""

    def __init__(self, where: str, reason: str, faults: Sequence[ResultFault] = ()) -> None:
        super().__init__(f"Measurement, {where}: {reason}")
        self.where = where
        self.reason = reason
        self.faults = tuple(faults)


class TableImportError(LatencyTableError):
    """A file of another layout cannot become a table; `faults` has them all, the message the first 20."""

    def __init__(self, path: str, faults: Sequence[RowFault]) -> None:
        more = f"\n  and {len(faults) - 20} more" if len(faults) > 20 else ""
        listed = "".join(f"\n  {fault}" for fault in faults[:20])
        super().__init__(f"{path} was not imported:{listed}{more}")
        self.path = path
        self.faults = tuple(faults)
