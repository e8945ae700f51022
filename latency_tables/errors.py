"""Everything that can go wrong with a latency table.

LatencyTableError
 +-- OperatorKeyError        a text is not an operator key
 +-- MissingOperatorError    a table lacks operators that an architecture needs
 +-- TableFileError          a table file cannot be read, is damaged or breaks the format
 +-- PlanError               a measurement plan is damaged or breaks the format
 +-- MeasurementError        the agent could not time a plan, or its result does not fit the plan
"""

from __future__ import annotations


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
    """The agent could not time a plan, or its result does not fit the plan."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"Measurement, {where}: {reason}")
        self.where = where
        self.reason = reason
