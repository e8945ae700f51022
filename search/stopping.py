"""When a search ends, and how far it is. Asked by the engine after each generation.

`search` has no clock: seconds come in through a callable, which the service gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from search.spec import Stop

STAGNANT_RISE = 1e-4
"""A hypervolume that rises by less than this share of itself stagnates."""

Clock = Callable[[], float]
"""Seconds since any moment; it never goes back."""


class StopReason(StrEnum):
    """What ended a search: all generations made, all measurements taken, a stop criterion, or no candidate left."""

    GENERATIONS = "generations"
    EVALUATIONS = "evaluations"
    CANDIDATES = "candidates"
    SECONDS = "seconds"
    STAGNATION = "stagnation"
    SPACE_EXHAUSTED = "space_exhausted"


class Stopping:
    """The stop criteria of one search, from its first generation on.

    Attributes:
        fraction: share of the search done, from 0 to 1, by the criterion that is nearest; stagnation tells nothing
            before it ends the search.

    Raises:
        ValueError: the seconds are limited and there is no clock.
    """

    def __init__(self, stop: Stop, rounds: int, ends_by: StopReason, clock: Clock | None) -> None:
        if stop.seconds is not None and clock is None:
            raise ValueError("stop.seconds needs a clock")
        self._stop = stop
        self._rounds = rounds
        self._ends_by = ends_by
        self._clock = clock or (lambda: 0.0)
        self._began = self._clock()
        self.fraction = 0.0

    def room(self, evaluated: int) -> int | None:
        """How many candidates the next generation may have; None for any number."""
        most = self._stop.candidates
        return None if most is None else most - evaluated

    def reason(self, hypervolume: Sequence[float], evaluated: int) -> StopReason | None:
        """Why the search ends now; None when it goes on.

        Args:
            hypervolume: after each generation so far, 0 where there was no feasible candidate.
            evaluated: distinct candidates so far.
        """
        stop = self._stop
        shares = {self._ends_by: len(hypervolume) / self._rounds}
        if stop.candidates is not None:
            shares[StopReason.CANDIDATES] = evaluated / stop.candidates
        if stop.seconds is not None:
            shares[StopReason.SECONDS] = (self._clock() - self._began) / stop.seconds
        nearest = max(shares, key=lambda reason: shares[reason])
        reason = nearest if shares[nearest] >= 1.0 else None
        if reason is None and self._is_stagnant(hypervolume):
            reason = StopReason.STAGNATION
        self.fraction = 1.0 if reason is not None else shares[nearest]
        return reason

    def _is_stagnant(self, hypervolume: Sequence[float]) -> bool:
        window = self._stop.stagnation_generations
        if window is None or len(hypervolume) <= window:
            return False
        before = hypervolume[-1 - window]
        return before > 0 and hypervolume[-1] < before * (1.0 + STAGNANT_RISE)


class Course:
    """A search's history, generation by generation, and what ended it.

    Attributes:
        hypervolume: of the front after each generation.
        evaluations: distinct candidates evaluated after each generation.
        stopped_by: None while the search goes on.
    """

    def __init__(self, stopping: Stopping) -> None:
        self.stopping = stopping
        self.hypervolume: list[float] = []
        self.evaluations: list[int] = []
        self.stopped_by: StopReason | None = None

    def room(self) -> int | None:
        """How many candidates the next generation may have; None for any number."""
        return self.stopping.room(self.evaluations[-1] if self.evaluations else 0)

    def add(self, evaluated: int, hypervolume: float | None) -> None:
        """Note a generation; without new candidates there was none, and the space is used up.

        Args:
            evaluated: distinct candidates so far.
            hypervolume: of the front; None where the front has not changed.
        """
        if evaluated == (self.evaluations[-1] if self.evaluations else 0):
            self.stopped_by = StopReason.SPACE_EXHAUSTED
            return
        before = self.hypervolume[-1] if self.hypervolume else 0.0
        self.evaluations.append(evaluated)
        self.hypervolume.append(before if hypervolume is None else hypervolume)
        self.stopped_by = self.stopping.reason(self.hypervolume, evaluated)
