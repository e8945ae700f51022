"""What stands beside every latency that the service shows: where the table comes from, and how well it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from latency_tables import LatencyTable

_LISTS = ("predicted_ms", "measured_ms")


def table_summaries(tables: Mapping[str, LatencyTable], devices: Iterable[str]) -> dict[str, Any]:
    """By device: kind, fingerprint, threads, whether the processor was emulated, and the honesty figures."""
    return {device: _summary(tables[device]) for device in devices}


def _summary(table: LatencyTable) -> dict[str, Any]:
    return {
        "kind": table.kind,
        "sha256": table.sha256,
        "processor": table.provenance.processor,
        "threads": table.provenance.threads,
        "emulated": table.provenance.emulated,
        "honesty": honesty_figures(table),
    }


def honesty_figures(table: LatencyTable) -> dict[str, Any] | None:
    """The figures without the latencies of the held-out networks behind them; None when none was measured."""
    if table.honesty is None:
        return None
    return {name: value for name, value in asdict(table.honesty).items() if name not in _LISTS}
