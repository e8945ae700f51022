"""Operator latencies per device: measured, imported, checked (DESIGN.md, section 5)."""

from latency_tables.errors import (
    LatencyTableError,
    MeasurementError,
    MissingOperatorError,
    OperatorKeyError,
    PlanError,
    TableFileError,
)
from latency_tables.operator_key import OperatorKey, Shape

__all__ = [
    "LatencyTableError",
    "MeasurementError",
    "MissingOperatorError",
    "OperatorKey",
    "OperatorKeyError",
    "PlanError",
    "Shape",
    "TableFileError",
]
