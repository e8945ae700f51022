"""Everything that can go wrong in the engine.

SearchError
 +-- GenomeError            a genome has the wrong length or a gene out of range
 +-- SpaceFileError         a space file breaks the format
 +-- TabularFileError       a file of a published benchmark is damaged or lacks what was asked for
 +-- UnknownSpaceError      no such space in the catalogue
 +-- ArtefactError          a supernet artefact is damaged or does not fit its space
 +-- DatasetError           an image archive cannot be read or does not serve for training
 +-- CheckpointError        a training checkpoint is damaged or belongs to another space
 +-- SpecError              a search that cannot run as asked; `faults` lists everything wrong with it at once
 |    +-- UnknownObjectiveError  no such objective
 |    +-- MissingTableError      a device has no latency table for the space
 |    +-- SearchSizeError        population or generations out of range
 |    +-- ChoiceError            objectives or devices empty or named twice
 |    +-- LimitError             a limit contradicts itself or cannot be reached
 |    +-- JointLimitsError       limits that can each be kept, but not together
 +-- PredictorError         evaluations that no predictor can be fitted on
 +-- NoFeasibleCandidateError  the search ended without one candidate that keeps all limits
 +-- NonFiniteObjectiveError   too many candidates with an objective that is not a number
 +-- SearchCancelled           the caller asked the engine to stop
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_MOST_REASONS = 20


class SearchError(Exception):
    """Root of all errors of `search`."""


class GenomeFault(NamedTuple):
    """What is wrong with a genome, or with one of its genes."""

    row: int
    gene: int | None
    reason: str


class GenomeError(SearchError):
    """A genome has the wrong length or a gene out of range; `row` and `reason` are those of the first of `faults`."""

    def __init__(self, faults: Sequence[GenomeFault]) -> None:
        first = faults[0]
        more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
        super().__init__(f"Genome {first.row}: {first.reason}{more}")
        self.faults = tuple(faults)
        self.row = first.row
        self.reason = first.reason


class SpaceFileError(SearchError):
    """A space file breaks the format."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Space file {path}: {reason}")
        self.path = path
        self.reason = reason


class TabularFileError(SearchError):
    """A file of a published benchmark is damaged or lacks what was asked for."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Table {path}: {reason}.")
        self.path = path
        self.reason = reason


class UnknownSpaceError(SearchError):
    """No such space in the catalogue."""

    def __init__(self, space: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Unknown space {space[:80]!r}. Known spaces: {', '.join(known)}.")
        self.space = space
        self.known = known


class ArtefactError(SearchError):
    """A supernet artefact is damaged or does not fit its space."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Supernet artefact {path}: {reason}")
        self.path = path
        self.reason = reason


class PredictorError(SearchError):
    """Evaluations that no predictor can be fitted on."""


class SpecError(SearchError):
    """A search that cannot run as asked.

    Attributes:
        field: where in the search's description, outermost name first, for example `("limits", "macs", "max")`.
        faults: everything wrong with the search, this error first; set by `check_spec`.
    """

    def __init__(self, message: str, field: tuple[str, ...]) -> None:
        super().__init__(message)
        self.field = field
        self.faults: tuple[SpecError, ...] = (self,)


class UnknownObjectiveError(SpecError):
    """No such objective."""

    def __init__(self, objective: str, known: tuple[str, ...], field: tuple[str, ...]) -> None:
        super().__init__(f"Unknown objective {objective[:80]!r}. Known objectives: {', '.join(known)}.", field)
        self.objective = objective
        self.known = known


class MissingTableError(SpecError):
    """A device has no latency table for the space."""

    def __init__(self, device: str, space: str, known: tuple[str, ...], field: tuple[str, ...]) -> None:
        measuring = f"No device has one: measure a device first (lutnas measure --space {space})."
        listed = f"Devices with one: {', '.join(known)}." if known else measuring
        super().__init__(f"Device {device[:80]!r} has no latency table for {space}. {listed}", field)
        self.device = device
        self.space = space
        self.known = known


class SearchSizeError(SpecError):
    """Population, generations or a stop criterion (`stop.seconds`) out of range."""

    def __init__(self, name: str, given: float, reason: str) -> None:
        super().__init__(f"{name} {given} {reason}", tuple(name.split(".")))
        self.name = name
        self.given = given


class ChoiceError(SpecError):
    """Objectives or devices are empty or hold a name twice."""


class LimitError(SpecError):
    """A limit contradicts itself or cannot be reached.

    Attributes:
        requested: the bound that is wrong; None for a limit without any bound.
        best_reachable: the closest value that some architecture of the space has; None where that is not the fault.
    """

    def __init__(
        self,
        message: str,
        field: tuple[str, ...],
        *,
        objective: str,
        device: str | None = None,
        requested: float | None = None,
        best_reachable: float | None = None,
    ) -> None:
        super().__init__(message, field)
        self.objective = objective
        self.device = device
        self.requested = requested
        self.best_reachable = best_reachable


class JointLimitsError(SpecError):
    """Limits that some architecture keeps each, but none together.

    Attributes:
        limits: those that exclude each other, as text.
        closest: value by limited column of the architecture that came closest.
    """

    def __init__(self, limits: tuple[str, ...], closest: dict[str, float], space: str) -> None:
        found = ", ".join(f"{column} = {value:.6g}" for column, value in closest.items())
        super().__init__(
            f"No architecture of {space} keeps these limits together: {'; '.join(limits)}. The closest that was tried"
            f" has {found}. Widen one of them.",
            ("limits",),
        )
        self.limits = limits
        self.closest = closest


class NoFeasibleCandidateError(SearchError):
    """The search ended without one candidate that keeps all limits: each can be kept alone, together they were not.

    Attributes:
        limits: the limits as text.
        closest: the candidate that broke them least: value by limited column.
    """

    def __init__(self, evaluated: int, limits: tuple[str, ...], closest: dict[str, float]) -> None:
        found = ", ".join(f"{column} = {value:.6g}" for column, value in closest.items())
        super().__init__(
            f"None of {evaluated} architectures keeps all limits together ({'; '.join(limits)})."
            f" The closest has {found}. Widen a limit towards these values, or search longer."
        )
        self.evaluated = evaluated
        self.limits = limits
        self.closest = closest


class NonFiniteObjectiveError(SearchError):
    """Too many candidates with an objective that is not a finite number."""

    def __init__(self, counts: dict[str, int], evaluated: int) -> None:
        listed = ", ".join(f"{column}: {count}" for column, count in counts.items())
        super().__init__(
            f"Objectives that are not finite numbers in {evaluated} candidates ({listed})."
            " Check the latency table and the supernet's evaluations."
        )
        self.counts = counts
        self.evaluated = evaluated


class SearchCancelled(SearchError):  # noqa: N818  a request, not a fault
    """The caller asked the engine to stop: raised by an `on_generation` callback, passed through by the engine."""


class DatasetError(SearchError):
    """An image archive cannot be read or does not serve for training.

    Attributes:
        reasons: everything that is wrong with it; the message has the first 20.
        reason: these in one text.
    """

    def __init__(self, path: str, reasons: str | Sequence[str]) -> None:
        self.path = path
        self.reasons = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        more = len(self.reasons) - _MOST_REASONS
        listed = [*self.reasons[:_MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
        self.reason = "; ".join(listed)
        lines = f" {listed[0]}" if len(listed) == 1 else "".join(f"\n  - {reason}" for reason in listed)
        super().__init__(f"Dataset {path}:{lines}")


class CheckpointError(SearchError):
    """A training checkpoint is damaged or belongs to another space."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Checkpoint {path}: {reason}. Use another folder to start a new training.")
        self.path = path
        self.reason = reason
