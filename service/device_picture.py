"""A picture of one latency table: predicted against measured, the errors, and what operators cost.

Called by `cli_devices.py`. matplotlib is imported on use, without a display.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from latency_tables import Honesty, LatencyTable, OperatorKey
from search import UnknownSpaceError, load_space
from service.device_report import (
    EMULATED,
    NOT_CHECKED,
    costliest,
    error_bins,
    percent,
    relative_errors,
    runtime_words,
    typical_interval,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito's palette: apart for every kind of colour vision; markers differ, too.
_BLUE, _VERMILLION, _INK, _MUTED = "#0072B2", "#D55E00", "#222222", "#5F5F5F"
_BAND_10, _BAND_5 = "#EFEFEF", "#DCDCDC"
_STYLES = (("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("#222222", "*"))
_INCHES = (10.0, 8.6)
_INCHES_UNCHECKED = (10.0, 4.7)
_DOTS_PER_INCH = 140
_BARS = 12
_MOST_BINS = 31
_LETTERS = "ir: inverted residual, e: expansion, g: groups, h: hidden channels, k: kernel, s: stride"


def table_png(table: LatencyTable) -> bytes:
    """Draw a table as PNG; one without honesty figures has its operators only, and a sentence that says so."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    checked = table.honesty is not None
    size = _INCHES if checked else _INCHES_UNCHECKED
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    # Each row by itself: long names in one would make the panels of the other narrow.
    rows = figure.subfigures(2 if checked else 1, 1, squeeze=False).ravel()
    if table.honesty is not None:
        left, right = rows[0].subplots(1, 2)
        _draw_agreement(left, table.honesty, typical_interval(table))
        _draw_errors(right, table.honesty)
    left, right = rows[-1].subplots(1, 2)
    _draw_costs(left, table)
    _draw_costliest(right, table)
    rows[-1].supxlabel(_LETTERS, fontsize=8, color=_MUTED, x=0.99, ha="right")
    figure.suptitle(_title(table), fontsize=11, color=_INK)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        # A processor's name may have signs that the font lacks; they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        # Without the version of matplotlib inside, equal tables give equal files.
        figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _title(table: LatencyTable) -> str:
    source = table.provenance
    lines = [
        f"{table.device}, {table.space} ({table.kind}, {source.date[:10]})",
        f"{source.processor[:70]}; {runtime_words(table)[:60]}",
        *([EMULATED] if source.emulated else []),
        *([NOT_CHECKED] if table.honesty is None else []),
    ]
    # A dollar sign would begin a formula.
    return "\n".join(lines).replace("$", r"\$")


def _draw_agreement(axes: Axes, honesty: Honesty, interval: float | None) -> None:
    measured, predicted = np.array(honesty.measured_ms), np.array(honesty.predicted_ms)
    low, high = float(min(measured.min(), predicted.min())), float(max(measured.max(), predicted.max()))
    margin = 0.05 * (high - low) or 0.05 * high or 1.0
    line = np.array([max(0.0, low - margin), high + margin])
    axes.fill_between(line, 0.9 * line, 1.1 * line, color=_BAND_10, linewidth=0, label="within 10 %")
    axes.fill_between(line, 0.95 * line, 1.05 * line, color=_BAND_5, linewidth=0, label="within 5 %")
    axes.plot(line, line, color=_INK, linewidth=0.9, label="equal")
    if interval is not None:
        for factor, label in (
            (1 - interval, None),
            (1 + interval, f"90 % interval, typically ±{100 * interval:.1f} %"),
        ):
            axes.plot(line, factor * line, color=_VERMILLION, linewidth=1.1, linestyle=(0, (4, 3)), label=label)
    axes.scatter(measured, predicted, s=22, color=_BLUE, edgecolors="white", linewidths=0.5, zorder=3, label="network")
    axes.set(xlim=line, ylim=line, xlabel="measured latency (ms)", ylabel="predicted latency (ms)")
    _finish(axes, f"{honesty.networks} networks not used to make the table")
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def _draw_errors(axes: Axes, honesty: Honesty) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    edges, counts = error_bins(relative_errors(honesty), _MOST_BINS)
    axes.axvspan(-10, 10, color=_BAND_10, linewidth=0, label="within 10 %")
    axes.axvspan(-5, 5, color=_BAND_5, linewidth=0, label="within 5 %")
    axes.bar(100 * edges[:-1], counts, width=100 * np.diff(edges), align="edge", color=_BLUE, edgecolor="white")
    reach = max(10.5, 100 * float(np.abs(edges).max()))
    axes.set(xlim=(-reach, reach), xlabel="predicted beyond measured latency (%)", ylabel="networks")
    axes.set_ylim(0, 1.35 * max(1, int(counts.max())))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+g}" if x else "0"))
    tau = honesty.kendall_tau
    words = [
        f"within 5 %: {percent(honesty.within_5)}    within 10 %: {percent(honesty.within_10)}",
        f"mean error: {percent(honesty.mape)}    measured twice: {percent(honesty.repeatability_mape)}",
        f"Kendall tau: {'undefined' if tau is None else f'{tau:.3f}'}",
    ]
    axes.text(0.03, 0.97, "\n".join(words), transform=axes.transAxes, va="top", fontsize=8.5, color=_INK)
    _finish(axes, "Errors")


def _draw_costs(axes: Axes, table: LatencyTable) -> None:
    """Cost against macs where the space is known, else the costs in their order. A logarithm has no place for 0."""
    macs = _macs(table)
    rows = sorted(table.operator_ms.items(), key=lambda row: (row[1], str(row[0])))
    drawn = [(key, ms) for key, ms in rows if ms > 0 and (key in macs or not macs)]
    place = {key: macs[key] / 1e6 if macs else number for number, (key, _) in enumerate(drawn, 1)}
    groups = sorted({_group(key) for key, _ in drawn})
    for number, group in enumerate(groups):
        chosen = [(place[key], ms) for key, ms in drawn if _group(key) == group]
        colour, marker = _STYLES[number % len(_STYLES)]
        x, y = zip(*chosen, strict=True)
        axes.scatter(x, y, s=26, color=colour, marker=marker, alpha=0.85, linewidths=0, label=group)
    axes.set(xlabel="million multiply-accumulates" if macs else "operators, the fastest first", ylabel="cost (ms)")
    axes.set_yscale("log")
    _plain_numbers(axes.yaxis)
    if macs:
        axes.set_xscale("log")
        _plain_numbers(axes.xaxis)
    else:
        axes.locator_params(axis="x", integer=True)
    every = f"{len(rows)} operators"
    some = f"{len(drawn)} of {every}: those of the space that take time"
    _finish(axes, every if len(drawn) == len(rows) else some)
    if groups:
        axes.legend(loc="best", frameon=False, fontsize=8)


def _plain_numbers(axis: Axis) -> None:
    """Ticks at 1, 2, 5 and their tenfolds, written without powers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_costliest(axes: Axes, table: LatencyTable) -> None:
    listed = costliest(table, _BARS)[::-1]
    axes.barh(range(len(listed)), [ms for _, ms in listed], color=_BLUE, height=0.7)
    axes.set_yticks(range(len(listed)), [_short(key) for key, _ in listed], fontsize=7.5)
    axes.set_xlabel("cost (ms)")
    _finish(axes, f"The slowest; every network pays {table.fixed_ms:.3g} ms once")
    axes.grid(visible=False, axis="y")


def _macs(table: LatencyTable) -> dict[OperatorKey, int]:
    """Exact macs of the space's operators; nothing for a space that is not known here."""
    try:
        blocks = load_space(table.space).operators()
    except UnknownSpaceError:
        return {}
    return {block.operator_key: block.macs for block in blocks if block.operator_key is not None}


def _group(key: OperatorKey) -> str:
    kernel = dict(key.attributes).get("kernel")
    kind = key.kind.replace("_", " ")
    return f"{kind}, kernel {kernel}" if kernel is not None and key.kind != "stem" else kind


def _short(key: OperatorKey) -> str:
    """Enough of a key for a label: kind, channels, size, and attributes by their first letter."""
    letters = "".join(f" {name[0]}{value}" for name, value in key.attributes if value != 1)
    kind = {"inverted_residual": "ir"}.get(key.kind, key.kind)
    return f"{kind} {key.in_shape[0]}→{key.out_shape[0]}, {_square(key.in_shape[1:])}{letters}"


def _square(sizes: Iterable[int]) -> str:
    return "x".join(map(str, sizes))


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left", color=_INK)
    axes.grid(visible=True, color="#EDEDED", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8.5, colors=_MUTED)
    axes.spines[["top", "right"]].set_visible(False)
