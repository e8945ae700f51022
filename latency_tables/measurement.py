"""Measurement: the agent run from Python, and its result checked against the plan.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). Called by `lutnas measure` and by `estimate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from latency_tables import agent
from latency_tables.errors import MeasurementError, ResultFault
from latency_tables.plan import MOST_ENTRIES, MeasurementPlan, PlanRecipe, RecipePart, write_plan
from latency_tables.strict_json import parse_object

MeasureOptions = agent.Options

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Milliseconds = Annotated[float, Field(gt=0, le=600_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Part = TypeVar("Part", bound=BaseModel)
_MOST_BYTES = 4 * 2**20
"""Of a result file: 20 times what a plan of 1,000 models gives."""


def measure_plan(plan: bytes, options: MeasureOptions, on_progress: agent.Progress | None = None) -> dict[str, Any]:
    """Time every model of a plan zip on this machine (`agent.measure_plan`).

    Raises:
        MeasurementError: the plan is damaged, a model cannot be run, or the clock is broken.
    """
    try:
        return agent.measure_plan(plan, options, on_progress)
    except agent.AgentError as error:
        raise MeasurementError(error.where, error.reason) from error


def read_measurement(path: Path) -> dict[str, Any]:
    """Read the file that `agent.py --out` wrote; `estimate_table` checks what is in it.

    Raises:
        MeasurementError: the file cannot be read, is too large, or is not one JSON object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"has more than {_MOST_BYTES} bytes, which no result has")
        return parse_object(data)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise MeasurementError(str(path), f"{reason}. Give the file that agent.py --out wrote.") from error


def time_models(
    models: Sequence[bytes], options: MeasureOptions, on_progress: agent.Progress | None = None
) -> list[float]:
    """Latency in ms of each ONNX model, measured in turns; what `on_progress` raises ends it and passes through.

    Raises:
        MeasurementError: a model cannot be run, or the clock is broken.
    """
    try:
        return agent.time_models(models, options, on_progress)
    except agent.AgentError as error:
        raise MeasurementError(error.where, error.reason) from error


def _iso_date(text: str) -> str:
    """Raises ValueError where it is none."""
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be an ISO 8601 date") from error
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Timing(_Part):
    """One model's time: the fastest sample of all rounds; the halves are those of the odd and of the even rounds."""

    ms: Milliseconds
    first_half_ms: Milliseconds
    second_half_ms: Milliseconds
    rounds: Count
    runs: Count
    seconds: Seconds

    @model_validator(mode="after")
    def _fastest_of_both_halves(self) -> Timing:
        if self.ms != min(self.first_half_ms, self.second_half_ms):
            raise ValueError("ms must be the smaller one of first_half_ms and second_half_ms")
        return self


class Machine(BaseModel):
    """What the agent could read about the machine; more fields may come, and are not used here.

    Attributes:
        emulated: the processor was emulated, by what `emulation` names: the times say nothing about a device.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    processor: Text
    board: Text | None = None
    architecture: Text
    cores: Count | None
    features: Annotated[list[Text], Field(max_length=100)]
    frequency_mhz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    frequency_now_mhz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    governor: Text | None
    os: Text
    emulated: bool
    emulation: Text | None = None


class Drift(_Part):
    """How the sentinels' time changed: of each third of the measurement, relative to the fastest third."""

    sentinels: Annotated[list[Text], Field(max_length=100)]
    turns: Count
    thirds: Annotated[list[Ratio], Field(min_length=3, max_length=3)]
    slow_down: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Interruption(_Part):
    """The measurement stood still for `gap_s` seconds between two rounds."""

    after_round: Count
    gap_s: Seconds


class Measurement(_Part):
    """The agent's result, checked."""

    format: Literal["lutnas-measurement/2"]
    plan_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    plan_recipe: RecipePart | None
    space: Text
    machine: Machine
    runtime: Text
    runtime_version: Text
    threads: Annotated[int, Field(ge=1, le=256)]
    batch: Count
    precision: Text
    rounds: Count
    statistic: Text
    date: Annotated[str, AfterValidator(_iso_date)]
    seconds: Seconds
    stopped_early: bool
    interruptions: Annotated[list[Interruption], Field(max_length=10_000)]
    drift: Drift | None
    warnings: Annotated[list[Text], Field(max_length=20)]
    entries: Annotated[dict[str, Timing], Field(min_length=1, max_length=MOST_ENTRIES)]


def recipe_of(result: Mapping[str, Any]) -> PlanRecipe | None:
    """By which recipe the plan of a result was made, so that it can be made again; None where it names none.

    Raises:
        MeasurementError: it names something else.
    """
    recipe = result.get("plan_recipe")
    if recipe is None:
        return None
    part = _checked(RecipePart, recipe, "result.plan_recipe", ("plan_recipe",))
    return PlanRecipe(part.kind, part.networks)


def check_measurement(result: Mapping[str, Any], plan: MeasurementPlan) -> Measurement:
    """The agent's result as a typed value, certain to be about this plan and all of it.

    Raises:
        MeasurementError: a field is missing or wrong, a time is not finite and above 0, the result is of another plan.
    """
    measurement = _checked(Measurement, dict(result), "result")
    sha256 = hashlib.sha256(write_plan(plan)).hexdigest()
    if measurement.plan_sha256 != sha256:
        reason = f"is of plan {measurement.plan_sha256}, not of {sha256}. Measure the present plan again."
        raise MeasurementError("result", reason, [ResultFault(("plan_sha256",), reason)])
    names = {entry.name for entry in plan.entries}
    missing = sorted(names - set(measurement.entries))
    strange = sorted(set(measurement.entries) - names)
    faults = [ResultFault(("entries", name), "A model of the plan is missing.") for name in missing]
    faults += [ResultFault(("entries", name), "The plan has no such model.") for name in strange]
    if faults:
        reason = f"lacks {len(missing)} models and has {len(strange)} others. Measure the present plan again."
        raise MeasurementError("result", reason, faults)
    return measurement


def _checked(kind: type[Part], document: object, where: str, place: tuple[str, ...] = ()) -> Part:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        listed = "; ".join(f"{'.'.join(map(str, fault['loc']))[:150]}: {fault['msg']}" for fault in found[:20])
        faults = [ResultFault((*place, *fault["loc"]), fault["msg"]) for fault in found]
        raise MeasurementError(where, listed, faults) from error
