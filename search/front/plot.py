"""A picture of searches: fronts over all evaluated candidates, one panel per device or further objective.

Called by the demo. matplotlib is imported on use: a search needs none of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.front.pareto import non_dominated
from search.spec import WORST

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
    "latency_share": "latency as a share of its limit",
    "macs": "multiply-accumulates",
    "params": "parameters",
    "size_bytes": "size",
    "peak_activation_bytes": "peak activation memory",
}


@dataclass(frozen=True)
class Cloud:
    """Every candidate that a search evaluated.

    Attributes:
        columns: names of objective columns as in `SearchResult`, two or more.
        values: in minimise form, `(n, m)`.
        feasible: which candidates keep all limits, `(n,)`.

    Raises:
        ValueError: fewer than two columns, shapes that differ, or no feasible candidate.
    """

    columns: tuple[str, ...]
    values: Floats
    feasible: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        object.__setattr__(self, "feasible", np.asarray(self.feasible, dtype=np.bool_))
        n, m = len(self.feasible), len(self.columns)
        if m < 2 or self.values.shape != (n, m):
            raise ValueError(f"{m} columns and {n} marks do not fit values of shape {self.values.shape}")
        if not self.feasible.any():
            raise ValueError("no feasible candidate to draw")

    @property
    def upwards(self) -> int:
        """The column that is drawn as height: `error`, or else the first."""
        return self.columns.index("error") if "error" in self.columns else 0


def front_png(clouds: Sequence[Cloud], *, title: str = "") -> bytes:
    """Draw searches side by side as one PNG file: a panel for every column besides the height.

    Args:
        clouds: one or more searches; each has its front drawn over all that it evaluated.
        title: one line above the panels.

    Raises:
        ValueError: no search at all.
    """
    if not clouds:
        raise ValueError("no search to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [(cloud, place) for cloud in clouds for place in range(len(cloud.columns)) if place != cloud.upwards]
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(panels), height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    one = len(clouds) == 1
    every = np.ravel(figure.subplots(1, len(panels), sharey=one, squeeze=False))
    for (cloud, place), axes in zip(panels, every, strict=True):
        _draw_panel(axes, cloud.values, cloud.feasible, (place, cloud.upwards))
        axes.set_xlabel(_label(cloud.columns[place]))
        if axes is every[0] or not one:
            axes.set_ylabel(_label(cloud.columns[cloud.upwards]))
    every[0].legend(loc="upper right", frameon=False, fontsize="small", markerscale=1.5)
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
    place = " in the worst case" if device == WORST else f" on {device}" if device else ""
    name = _NAMES.get(objective, objective) + place
    return f"{name} ({_UNITS[objective]})" if objective in _UNITS else name
