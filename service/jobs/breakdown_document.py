"""Breakdown document: where each network of a front spends its latency, by the tables that the search used.

A result file of its own, written by `runner.py` and read by `service/fronts.py`. Operators, positions and labels are
named once, so that a front of 350 networks takes some 100 kB per device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from latency_tables import LatencyTable
from search import Architecture, BreakdownRow, latency_breakdown


class _Texts:
    """Texts by their number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int | None:
        return None if text is None else self.numbers.setdefault(text, len(self.numbers))


def breakdown_document(architectures: Sequence[Architecture], tables: Mapping[str, LatencyTable]) -> dict[str, Any]:
    """`texts`, and for each network and device rows of position, label, operator (numbers of texts), ms, in fixed."""
    texts = _Texts()
    networks = {
        architecture.architecture_id: {
            device: [_packed(row, texts) for row in latency_breakdown(architecture, table)]
            for device, table in tables.items()
        }
        for architecture in architectures
    }
    return {"texts": list(texts.numbers), "networks": networks}


def read_breakdown(document: Mapping[str, Any], architecture_id: str) -> dict[str, list[dict[str, Any]]]:
    """Rows by device, as `breakdown_view` makes them.

    Raises:
        KeyError: no such network.
    """
    texts = document["texts"]
    by_device = document["networks"][architecture_id]
    return {device: [_unpacked(row, texts) for row in rows] for device, rows in by_device.items()}


def breakdown_view(rows: Sequence[BreakdownRow]) -> list[dict[str, Any]]:
    """Rows as JSON values."""
    return [asdict(row) for row in rows]


def _packed(row: BreakdownRow, texts: _Texts) -> list[Any]:
    names = [texts.number(text) for text in (row.position, row.label, row.operator)]
    return [*names, row.latency_ms, row.share, row.in_fixed]


def _unpacked(row: Sequence[Any], texts: Sequence[str]) -> dict[str, Any]:
    position, label, operator, latency_ms, share, in_fixed = row
    unpacked = BreakdownRow(
        texts[position], texts[label], None if operator is None else texts[operator], latency_ms, share, in_fixed
    )
    return asdict(unpacked)
