"""SearchJob: the state of one search (DESIGN.md, section 2: the third of four types), and its legal states.

Pure: `jobs/lifecycle.py` applies the transitions, `storage/job_repository.py` reads and writes jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a search stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    # Back to queued: the server that ran it stopped or died; the search starts again with the same seed.
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLING, State.QUEUED}),
    State.CANCELLING: frozenset({State.CANCELLED, State.SUCCEEDED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
_SHARE_FOR_FORECAST = 0.02
"""Below this share of the work a forecast of the end would be noise."""


def sources_of(state: State) -> tuple[State, ...]:
    """The states from which `state` may follow, in the order of `State`."""
    return tuple(source for source in State if state in TRANSITIONS[source])


@dataclass(frozen=True)
class JobError:
    """Why a search failed: stable code, message, and the request's field at fault as a JSON pointer where one is."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a search is. Phases: waiting, loading, evolving or verifying, remeasuring (where asked for), done.

    Attributes:
        phase_fraction: share of the phase done where that is not the share of the generations.
        seconds_left: of the search, where its process can tell.
    """

    phase: str = "waiting"
    generation: int = 0
    generations_total: int = 0
    evaluations: int = 0
    hypervolume: float | None = None
    front_size: int = 0
    phase_fraction: float | None = None
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the phase done, from 0 to 1: of the generations, or of what follows them."""
        if self.phase == "done":
            return 1.0
        if self.phase_fraction is not None:
            return self.phase_fraction
        return self.generation / self.generations_total if self.generations_total else 0.0


@dataclass(frozen=True)
class SearchJob:
    """One search as stored. Times are UTC; a time of a state not reached is None.

    Attributes:
        request: the request as sent.
        effective: the request with every default filled in, the seed too.
        attempt: 1 for the first start; one more each time a server dies under the search.
        owner: the server that runs it now.
    """

    id: str
    state: State
    state_reason: str | None
    request: Mapping[str, Any]
    effective: Mapping[str, Any]
    seed: int
    attempt: int
    owner: str | None
    progress: Progress
    error: JobError | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    cancelling_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime

    @property
    def space(self) -> str:
        """Name of the space searched."""
        return str(self.effective["space"])

    @property
    def estimated_finish_at(self) -> datetime | None:
        """When the search will end if it goes on as so far; None unless it runs and enough is done to tell."""
        if self.state is State.RUNNING and self.progress.seconds_left is not None:
            return self.updated_at + timedelta(seconds=self.progress.seconds_left)
        share = self.progress.fraction
        if self.effective.get("remeasure") or self.progress.phase == "loading":
            # The generations tell nothing about the measurement that follows them, nor images read about the search.
            return None
        if self.state is not State.RUNNING or self.started_at is None or share < _SHARE_FOR_FORECAST:
            return None
        spent = self.updated_at - self.started_at
        return self.updated_at + timedelta(seconds=spent.total_seconds() * (1.0 - share) / share)


@dataclass(frozen=True)
class SearchEvent:
    """One line of a search's history; `seq` counts from 1 without gaps."""

    seq: int
    at: datetime
    kind: str
    detail: Mapping[str, Any]


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds; texts sort like the times they name."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """Read what `time_text` wrote.

    Raises:
        ValueError: any other text.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
