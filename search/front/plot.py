"""A picture of a search: its front over all evaluated candidates, one panel per device or further objective.

Called by the demo. matplotlib is imported on use: a search needs none of it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.front.pareto import non_dominated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

# Okabe and Ito's palette: blue on grey stays apart for every kind of colour vision, and in print.
_FRONT, _CLOUD, _BEYOND_LIMITS = "#0072B2", "#9A9A9A", "#E3C9A8"
_PANEL_INCHES = (5.6, 4.4)
_DOTS_PER_INCH = 150
_TAIL = 0.5
_UNITS = {"latency_ms": "ms", "size_bytes": "bytes", "peak_activation_bytes": "bytes"}
_NAMES = {
    "error": "expected error (1 - top-1 accuracy)",
    "latency_ms": "latency",
    "macs": "multiply-accumulates",
    "params": "parameters",
    "size_bytes": "size",
    "peak_activation_bytes": "peak activation memory",
}


def front_png(columns: tuple[str, ...], values: npt.ArrayLike, feasible: npt.ArrayLike, *, title: str = "") -> bytes:
    """Draw a search as a PNG file.

    Args:
        columns: names of objective columns as in `SearchResult`, two or more; the height is `error` or else the first.
        values: every evaluated candidate in minimise form, `(n, m)`; the front is found among the feasible ones.
        feasible: which candidates keep all limits, `(n,)`.
        title: one line above the panels.

    Raises:
        ValueError: fewer than two columns, shapes that differ, or no feasible candidate.
    """
    matrix, kept = np.asarray(values, dtype=np.float64), np.asarray(feasible, dtype=np.bool_)
    if len(columns) < 2 or matrix.shape != (len(kept), len(columns)):
        raise ValueError(f"{len(columns)} columns and {len(kept)} marks do not fit values of shape {matrix.shape}")
    if not kept.any():
        raise ValueError("no feasible candidate to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    upwards = columns.index("error") if "error" in columns else 0
    across = [place for place in range(len(columns)) if place != upwards]
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(across), height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    for place, axes in zip(across, np.ravel(figure.subplots(1, len(across), sharey=True, squeeze=False)), strict=True):
        _draw_panel(axes, matrix, kept, (place, upwards))
        axes.set_xlabel(_label(columns[place]))
    first = figure.axes[0]
    first.set_ylabel(_label(columns[upwards]))
    first.legend(loc="upper right", frameon=False, fontsize="small", markerscale=1.5)
    figure.suptitle(title)
    picture = io.BytesIO()
    # Without the version of matplotlib inside, equal searches give equal files.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_panel(axes: Axes, values: Floats, feasible: npt.NDArray[np.bool_], places: tuple[int, int]) -> None:
    x, y = values[:, places[0]], values[:, places[1]]
    front = values[feasible][non_dominated(values[feasible])]
    clouds = [(feasible, _CLOUD, "evaluated"), (~feasible, _BEYOND_LIMITS, "evaluated, beyond a limit")]
    for chosen, colour, label in clouds:
        if chosen.any():
            axes.scatter(
                x[chosen], y[chosen], s=6, color=colour, alpha=0.35, linewidths=0, rasterized=True, label=label
            )
    pair = front[:, places]
    edge = pair[non_dominated(pair)]
    edge = edge[np.argsort(edge[:, 0])]
    axes.step(edge[:, 0], edge[:, 1], where="post", color=_FRONT, linewidth=1.4)
    axes.scatter(
        pair[:, 0], pair[:, 1], s=20, color=_FRONT, edgecolors="white", linewidths=0.5, zorder=3, label="front"
    )
    axes.set_xlim(*_window(pair[:, 0], x[feasible]))
    axes.set_ylim(*_window(pair[:, 1], y[feasible]))
    axes.grid(visible=True, color="#EDEDED", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _window(front: Floats, cloud: Floats) -> tuple[float, float]:
    """The front and some of the cloud behind it: far candidates would squeeze the front into a corner."""
    low, high = float(front.min()), float(front.max())
    high = max(high, min(float(cloud.max()), high + _TAIL * (high - low)))
    margin = 0.04 * (high - low) or 0.04 * abs(high) or 1.0
    return low - margin, high + margin


def _label(column: str) -> str:
    objective, _, device = column.partition(":")
    name = _NAMES.get(objective, objective) + (f" on {device}" if device else "")
    return f"{name} ({_UNITS[objective]})" if objective in _UNITS else name
