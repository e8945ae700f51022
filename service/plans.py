"""Measurement plans of one space, made when they are first asked for (kept by the catalogue's entries)."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from latency_tables import MeasurementPlan, write_plan

MOST_KEPT = 8
MOST_NETWORKS = 300
"""Of a plan that is asked for by its number of networks."""
MakePlan = Callable[[int | None], MeasurementPlan]
"""The full plan for None, else a plan of so many networks."""


@dataclass(frozen=True)
class PackedPlan:
    """A plan with its zip, and the zip's sha256, which results name."""

    plan: MeasurementPlan
    content: bytes
    sha256: str


class Plans:
    """A plan takes seconds to make and is the same each time, so that the last few are kept."""

    def __init__(self, make: MakePlan) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: OrderedDict[int | None, PackedPlan] = OrderedDict()

    def get(self, networks: int | None = None) -> PackedPlan:
        """The full plan, or the one of so many networks."""
        # One at a time: who asks for a plan that is being made waits for it.
        with self._lock:
            if networks not in self._kept:
                plan = self._make(networks)
                content = write_plan(plan)
                self._kept[networks] = PackedPlan(plan, content, hashlib.sha256(content).hexdigest())
            self._kept.move_to_end(networks)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[networks]
