"""When a search ends, and how far it is. Asked by the engine after each generation.

`search` has no clock: seconds come in through a callable, which the service gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from search.spec import SearchSpec

STAGNANT_RISE = 1e-4
"""A hypervolume that rises by less than this share of itself stagnates."""

Clock = Callable[[], float]
"""Seconds since any moment; it never goes back."""


class StopReason(StrEnum):
    """What ended a search."""

    GENERATIONS = "generations"
    CANDIDATES = "candidates"
    SECONDS = "seconds"
    STAGNATION = "stagnation"
    SPACE_EXHAUSTED = "space_exhausted"


class Stopping:
    """The stop criteria of one search, from its first generation on.

    Attributes:
        fraction: share of the search done, from 0 to 1, by the criterion that is nearest; stagnation tells nothing.

    Raises:
        ValueError: the spec limits the seconds and there is no clock.
    """

    def __init__(self, spec: SearchSpec, clock: Clock | None) -> None:
        if spec.stop.seconds is not None and clock is None:
            raise ValueError("stop.seconds needs a clock")
        self._spec = spec
        self._clock = clock or (lambda: 0.0)
        self._began = self._clock()
        self.fraction = 0.0

    def room(self, evaluated: int) -> int | None:
        """How many candidates the next generation may have; None for any number."""
        most = self._spec.stop.candidates
        return None if most is None else most - evaluated

    def reason(self, hypervolume: Sequence[float], evaluated: int) -> StopReason | None:
        """Why the search ends now; None when it goes on.

        Args:
            hypervolume: after each generation so far, 0 where there was no feasible candidate.
            evaluated: distinct candidates so far.
        """
        stop = self._spec.stop
        shares = {StopReason.GENERATIONS: len(hypervolume) / self._spec.generations}
        if stop.candidates is not None:
            shares[StopReason.CANDIDATES] = evaluated / stop.candidates
        if stop.seconds is not None:
            shares[StopReason.SECONDS] = (self._clock() - self._began) / stop.seconds
        nearest = max(shares, key=lambda reason: shares[reason])
        self.fraction = min(shares[nearest], 1.0)
        if shares[nearest] >= 1.0:
            return nearest
        return StopReason.STAGNATION if self._is_stagnant(hypervolume) else None

    def _is_stagnant(self, hypervolume: Sequence[float]) -> bool:
        window = self._spec.stop.stagnation_generations
        if window is None or len(hypervolume) <= window:
            return False
        before = hypervolume[-1 - window]
        return before > 0 and hypervolume[-1] < before * (1.0 + STAGNANT_RISE)
