"""What `lutnas devices` says of latency tables: where they come from, how well they hold, where the time goes.

Texts and JSON; `device_picture.py` draws the same. Called by `cli_devices.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_tables import Honesty, LatencyTable, OperatorKey, TableFileError
from search import UnknownSpaceError, load_space, random_genomes
from service.storage.table_versions import TableVersion

Floats = npt.NDArray[np.float64]
NOT_CHECKED = "No whole network was measured, so nothing here says how well the sum of the operators holds."
EMULATED = "EMULATED: these times say nothing about a device; searches refuse this table unless forced."
_SAMPLED_NETWORKS = 200
_BIN_WIDTHS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MOST_LINES = 11
_BAR_CHARACTERS = 40


def overview(tables: Iterable[LatencyTable]) -> RenderableType:
    """Devices, below each its tables in three lines."""
    lines: list[Text] = []
    last = None
    for table in tables:
        if table.device != last:
            lines.append(Text(table.device, style="bold"))
        last = table.device
        source = table.provenance
        lines += [
            Text(f"  {table.space}: {table.kind}, {harmless(source.date[:10])}, {len(table.operator_ms)} operators"),
            Text(harmless(f"    {source.processor}; {runtime_words(table)}")),
            Text(f"    {EMULATED if source.emulated else in_brief(table)}"),
        ]
    return Group(*(lines or [Text("No latency tables. `lutnas measure` makes one of this machine.")]))


def in_brief(table: LatencyTable) -> str:
    """The honesty figures in a line."""
    honesty = table.honesty
    if honesty is None:
        return "never checked on whole networks"
    return (
        f"{percent(honesty.within_10)} of {honesty.networks} networks within 10 %, mean error {percent(honesty.mape)}"
        f" (measured twice: {percent(honesty.repeatability_mape)})"
    )


def runtime_words(table: LatencyTable) -> str:
    """Runtime, version and threads; what is unknown is left out."""
    source = table.provenance
    runtime = " ".join(part for part in (source.runtime, source.runtime_version) if part != "unknown")
    if source.threads is None:
        return f"{runtime or 'unknown runtime'}, unknown threads"
    return f"{runtime or 'unknown runtime'}, {source.threads} thread{'s' if source.threads != 1 else ''}"


def damaged_words(damaged: Iterable[TableFileError]) -> list[str]:
    """Files that cannot be used, with the reason, one line each."""
    return [harmless(f"Damaged, not used: {fault.path}: {fault.reason}") for fault in damaged]


def harmless(text: str) -> str:
    """A stranger's text without what would steer the terminal."""
    return "".join(mark if mark.isprintable() else " " for mark in text)


def full_report(
    table: LatencyTable, versions: Sequence[TableVersion], rows: int, *, ascii_only: bool
) -> RenderableType:
    """Everything about one table for people; `rows` is how many operators are shown."""
    parts: list[RenderableType] = [
        Text(f"{table.device}, {table.space}: {table.kind}", style="bold"),
        _provenance(table),
        *([Text(EMULATED, style="bold")] if table.provenance.emulated else []),
        Text(),
        *_honesty(table, ascii_only=ascii_only),
        Text(),
        _operators(table, rows),
        *([Text(), Text(f"Versions kept: {_versions(versions)}")] if versions else []),
    ]
    return Group(*parts)


def as_json(table: LatencyTable, versions: Sequence[TableVersion], rows: int) -> dict[str, Any]:
    """The same as JSON values; the names are those of `GET /v1/devices`."""
    return {
        **short_json(table),
        "fixed_ms": table.fixed_ms,
        "covers": sorted(map(str, table.covers)),
        "typical_interval_90": typical_interval(table),
        "costliest": [{"operator": str(key), "latency_ms": ms} for key, ms in costliest(table, rows)],
        "versions": [asdict(version) for version in versions],
    }


def short_json(table: LatencyTable) -> dict[str, Any]:
    """What the overview has of a table, as JSON values."""
    return {
        "space": table.space,
        "kind": table.kind,
        "provenance": asdict(table.provenance),
        "honesty": None if table.honesty is None else asdict(table.honesty),
        "operators": len(table.operator_ms),
        "sha256": table.sha256,
    }


def costliest(table: LatencyTable, rows: int) -> list[tuple[OperatorKey, float]]:
    """The operators that take longest, in ms, the slowest first."""
    return sorted(table.operator_ms.items(), key=lambda row: (-row[1], str(row[0])))[:rows]


def relative_errors(honesty: Honesty) -> Floats:
    """Predicted over measured latency, less 1, of every held-out network that took any time."""
    measured = np.array(honesty.measured_ms)
    predicted = np.array(honesty.predicted_ms)
    return np.asarray(predicted[measured > 0] / measured[measured > 0] - 1.0)


def error_bins(errors: Floats, most_bins: int = _MOST_LINES) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Edges, `(b + 1,)`, of an odd number of equal bins around zero, and how many errors are in each, `(b,)`."""
    largest = float(np.abs(errors).max(initial=0.0))
    width = next((width for width in _BIN_WIDTHS if largest <= width * most_bins / 2), 2 * largest / most_bins)
    half = max(2, math.ceil(largest / width - 0.5))
    edges = width * (np.arange(-half, half + 2) - 0.5)
    # The outer edges are rounded; nothing may fall beside them.
    counts, _ = np.histogram(np.clip(errors, edges[0], edges[-1]), edges)
    return np.asarray(edges, dtype=np.float64), counts.astype(np.int64)


@cache
def _sample(space_name: str) -> tuple[Any, Any]:
    space = load_space(space_name)
    return space, random_genomes(space, _SAMPLED_NETWORKS, np.random.default_rng(0))


def typical_interval(table: LatencyTable) -> float | None:
    """Half-width of the 90 % interval as a fraction, the median over 200 random networks; None where it is unknown."""
    if table.uncertainty is None:
        return None
    try:
        space, genomes = _sample(table.space)
    except UnknownSpaceError:
        return None
    latency_ms = np.array([table.total_ms(space.architecture(genome).operator_keys) for genome in genomes])
    half_ms = table.half_width_ms(space.operator_counts(genomes, table.operators), latency_ms)
    if half_ms is None or not (latency_ms > 0).all():
        return None
    return float(np.median(half_ms / latency_ms))


def _provenance(table: LatencyTable) -> Table:
    source = table.provenance
    runs = "unknown number of runs" if source.runs is None else f"{source.runs} runs"
    precision = source.precision if source.precision != "unknown" else "unknown precision"
    statistic = source.statistic if source.statistic != "unknown" else "unknown statistic"
    facts = {
        "processor": source.processor,
        "runtime": f"{runtime_words(table)}, {precision}, batch {source.batch}",
        "measured": f"{source.date}; {runs}; {statistic}",
        "source": source.source,
        "sha256": table.sha256,
        "notes": source.notes,
    }
    shown = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            shown.add_row(f"  {name}", Text(harmless(value)))
    return shown


def _honesty(table: LatencyTable, *, ascii_only: bool) -> list[RenderableType]:
    honesty = table.honesty
    if honesty is None:
        return [Text(NOT_CHECKED)]
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("", no_wrap=True)
    shown.add_column("this table", justify="right")
    shown.add_column("the same networks measured twice", justify="right")
    for name, own, again in _figures(honesty):
        shown.add_row(f"  {name}", own, again)
    lines = [f"On {honesty.networks} whole networks that a fit did not see:"]
    interval = typical_interval(table)
    after = [] if interval is None else [f"  A typical network's 90 % interval is +- {percent(interval)}."]
    if honesty.repeatability_mape > 0:
        times = honesty.mape / honesty.repeatability_mape
        after.append(f"  The mean error is {times:.2f} times that of measuring twice, each time with half of the runs.")
    return [
        *map(Text, lines),
        shown,
        *map(Text, after),
        Text(),
        Text("Predicted against measured, networks per error:"),
        *map(Text, histogram_lines(honesty, ascii_only=ascii_only)),
    ]


def _figures(honesty: Honesty) -> list[tuple[str, str, str]]:
    coverage = honesty.interval_coverage
    return [
        ("mean absolute error", percent(honesty.mape), percent(honesty.repeatability_mape)),
        ("within 5 %", percent(honesty.within_5), ""),
        ("within 10 %", percent(honesty.within_10), percent(honesty.repeatability_within_10)),
        ("Kendall tau", _tau(honesty.kendall_tau), _tau(honesty.repeatability_tau)),
        ("inside the 90 % interval", "no interval" if coverage is None else percent(coverage), ""),
    ]


def histogram_lines(honesty: Honesty, *, ascii_only: bool = False) -> list[str]:
    """A histogram of the relative errors, one bar per line."""
    edges, counts = error_bins(relative_errors(honesty))
    most = max(1, int(counts.max(initial=0)))
    bar = "#" if ascii_only else "\N{FULL BLOCK}"
    lines = []
    for low, high, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        length = math.ceil(_BAR_CHARACTERS * count / most)
        lines.append(f"  {100 * low:+6.1f} to {100 * high:+5.1f} %  {bar * length}{' ' if count else ''}{count}")
    return lines


def _operators(table: LatencyTable, rows: int) -> RenderableType:
    listed = costliest(table, rows)
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("ms", justify="right", no_wrap=True)
    shown.add_column(f"operator ({len(listed)} of {len(table.operator_ms)}, the slowest first)", overflow="fold")
    for key, ms in listed:
        shown.add_row(f"{ms:.4f}", str(key))
    inside = f", which holds {len(table.covers)} operators without a row" if table.covers else ""
    return Group(shown, Text(f"Every network pays {table.fixed_ms:.4f} ms once{inside}."))


def _versions(versions: Sequence[TableVersion]) -> str:
    return ", ".join(f"{version.sha256[:12]} ({version.kind}, {harmless(version.date[:10])})" for version in versions)


def percent(fraction: float) -> str:
    """A share or an error for people."""
    return f"{100 * fraction:.1f} %" if fraction < 10 else f"{fraction:.0f} times"


def _tau(tau: float | None) -> str:
    return "undefined" if tau is None else f"{tau:.3f}"
