"""The networks of a front timed again on this machine, at the end of a search, in the search's own process.

`local_devices` is asked when a search is posted and again before it runs; `remeasure` is called by `runner.py`. The
figures are `search.remeasured_front`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from latency_tables import LatencyTable, MeasureOptions, differences_from, time_models
from search import FrontItem, Remeasured, SearchResult, Space, evenly_spread, remeasured_front
from service.catalogue import Supernet
from service.errors import RemeasureElsewhereError

_MOST_MODEL_BYTES = 2**29
"""Of all networks' weights, which are in memory together."""
_MOST_OPEN_BYTES = 2**29

OnProgress = Callable[[float, float], None]
"""Called with the share done and the seconds left; what it raises ends the measurement."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        networks: of a larger front so many are timed, evenly spread: more would have too few rounds each.
        budget_s: for one of the two measurements on one device; a few rounds are made however long they take.
    """

    networks: int = 64
    budget_s: float = 25.0


EFFORT = Effort()
"""Of a search."""


@dataclass(frozen=True)
class Remeasurement:
    """The front timed twice.

    Attributes:
        items: the networks that were timed, in the order of the front.
        of: networks of the front.
        values: their objectives as the search saw them, `(n, m)`.
        timed: the columns of `values` that were measured, in the order of the devices.
        first_ms: by device, `(n,)`; `second_ms` the same again.
        figures: what became of the front.
    """

    items: tuple[FrontItem, ...]
    of: int
    values: npt.NDArray[np.float64]
    timed: tuple[int, ...]
    first_ms: Mapping[str, npt.NDArray[np.float64]]
    second_ms: Mapping[str, npt.NDArray[np.float64]]
    figures: Remeasured
    threads: Mapping[str, int]

    def summary(self) -> dict[str, Any]:
        """The figures as JSON values; shares and errors are fractions."""
        figures = self.figures
        devices = {
            device: {
                "threads": self.threads[device],
                **asdict(figures.agreement[place]),
                "repeat": asdict(figures.repeatability[place]),
            }
            for place, device in enumerate(self.first_ms)
        }
        return {
            "networks": len(self.items),
            "of": self.of,
            "still_non_dominated": figures.still_non_dominated,
            "repeat_still_non_dominated": figures.repeat_still_non_dominated,
            "within_noise": figures.within_noise,
            "repeat_within_noise": figures.repeat_within_noise,
            "devices": devices,
        }

    def by_network(self) -> dict[str, dict[str, Any]]:
        """What each network's front item gains, by architecture id."""
        return {
            item.architecture_id: {
                "remeasured_ms": {device: float(times[row]) for device, times in self.first_ms.items()},
                "repeated_ms": {device: float(times[row]) for device, times in self.second_ms.items()},
                "remeasured_rank": int(self.figures.ranks[row]),
                "non_dominated_after_remeasure": bool(self.figures.ranks[row] == 1),
            }
            for row, item in enumerate(self.items)
        }


def local_devices(
    devices: Sequence[str], tables: Mapping[str, LatencyTable], timed: Sequence[str] | None = None
) -> dict[str, LatencyTable]:
    """The devices of a search whose table was measured on this machine: those that can be measured again.

    `timed` are those whose own latency is minimised, all when None; no other counts.

    Raises:
        RemeasureElsewhereError: there is none; says what differs, device by device.
    """
    asked = devices if timed is None else timed
    differences = {device: differences_from(tables[device].provenance) for device in asked}
    here = {device: tables[device] for device, found in differences.items() if not found}
    if not here:
        raise RemeasureElsewhereError(differences, {name: f"/devices/{place}" for place, name in enumerate(devices)})
    return here


def remeasure(
    result: SearchResult,
    space: Space,
    tables: Mapping[str, LatencyTable],
    supernet: Supernet,
    on_progress: OnProgress,
    effort: Effort | None = None,
) -> Remeasurement:
    """Time the front's networks with their trained weights on this machine, twice on every device of `tables`.

    Without `effort` it is that of a search, `EFFORT`.

    Raises:
        MeasurementError: a network cannot be run, or the clock is broken.
    """
    effort = EFFORT if effort is None else effort
    items = _chosen(result.front, effort.networks)
    models = []
    for item in items:
        on_progress(0.0, 2 * len(tables) * effort.budget_s)
        models.append(supernet.export(space.architecture(item.genome), {}))
    threads = {device: table.provenance.threads or 1 for device, table in tables.items()}
    series = _Series(2 * len(tables), effort.budget_s, on_progress)
    first = {device: series.time(models, threads[device]) for device in tables}
    second = {device: series.time(models, threads[device]) for device in tables}
    rows = {genome.tobytes(): row for row, genome in enumerate(result.genomes)}
    places = [rows[np.array(item.genome, dtype=np.int64).tobytes()] for item in items]
    values = result.values[places]
    timed = tuple(result.columns.index(f"latency_ms:{device}") for device in tables)
    figures = remeasured_front(
        values, timed, np.column_stack(list(first.values())), np.column_stack(list(second.values()))
    )
    return Remeasurement(items, len(result.front), values, timed, first, second, figures, threads)


def _chosen(front: Sequence[FrontItem], networks: int) -> tuple[FrontItem, ...]:
    """So many networks, evenly spread, or as many as fit into memory."""
    for count in range(min(networks, len(front)), 1, -1):
        items = evenly_spread(front, count)
        if sum(item.size_bytes for item in items) <= _MOST_MODEL_BYTES:
            return tuple(items)
    return tuple(evenly_spread(front, 1))


class _Series:
    """Measurements one after another, with the progress of them all."""

    def __init__(self, count: int, budget_s: float, on_progress: OnProgress) -> None:
        self._count, self._budget_s, self._on_progress = count, budget_s, on_progress
        self._done = 0
        self._share = 0.0

    def time(self, models: Sequence[bytes], threads: int) -> npt.NDArray[np.float64]:
        """Each model's latency in ms, `(n,)`; another seed draws another order of the models in each round."""
        options = MeasureOptions(threads, self._budget_s, seed=self._done, most_open_bytes=_MOST_OPEN_BYTES)
        times = np.array(time_models(models, options, self._tell))
        self._done += 1
        return times

    def _tell(self, done: int, total: int, seconds_left: float) -> None:
        later_s = (self._count - self._done - 1) * self._budget_s
        # The agent may plan further rounds as it goes; a share that falls would look like a fault.
        self._share = max(self._share, (self._done + done / total) / self._count)
        self._on_progress(self._share, seconds_left + later_s)
