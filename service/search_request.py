"""SearchRequest: what a client asks for (DESIGN.md, section 2: the first of four types), and its way to a SearchSpec.

Read by the API; read again from a stored job by the worker. Whether names exist and limits can be kept is the engine's
to say (`search.check_spec`); here only the form is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from search import MOST_MEASURED, WORST_LATENCY, Limit, SearchSpec, Stop
from service.search_fields import Objective, StartFrom, StartGenomes, StopCriteria
from service.strict_model import Name, Sha256, StrictModel

LARGEST_SEED = 2**63 - 1
VERIFY_EVALUATIONS, VERIFY_IMAGES = 64, 2000
"""Of a search with `verify` that does not say how many."""
Value = Annotated[float, Field(ge=0, le=1e15)]


class Bound(StrictModel):
    """Bounds on one objective, both inclusive; at least one of the two."""

    min: Annotated[Value | None, Field(description="Lowest value allowed, in the objective's unit.")] = None
    max: Annotated[Value | None, Field(description="Highest value allowed, in the objective's unit.")] = None


class Limits(StrictModel):
    """Bounds by objective; `latency_ms` has one per device."""

    error: Annotated[Bound | None, Field(description="Fraction from 0 to 1: 1 - top-1 accuracy.")] = None
    latency_ms: Annotated[
        dict[Name, Bound] | None, Field(description="Milliseconds for one image, by device.", max_length=64)
    ] = None
    macs: Annotated[Bound | None, Field(description="Multiply-accumulates for one image.")] = None
    params: Annotated[Bound | None, Field(description="Weights and biases as deployed.")] = None
    size_bytes: Annotated[Bound | None, Field(description="Bytes of the parameters in float32.")] = None
    peak_activation_bytes: Annotated[
        Bound | None, Field(description="Most bytes of float32 activations alive at once, for one image.")
    ] = None


class SearchRequest(StrictModel):
    """A search to run. Everything but `space` and `devices` has a default."""

    space: Annotated[Name, Field(description="A space of GET /v1/spaces.", examples=["fbnet-cifar10"])]
    devices: Annotated[
        list[Name],
        Field(
            min_length=1,
            max_length=16,
            description="Devices of GET /v1/devices with a table for the space.",
            examples=[["raspberry-pi-4"]],
        ),
    ]
    objectives: Annotated[
        list[Objective],
        Field(
            min_length=1,
            max_length=16,
            description="What to minimise, at most 4 columns: error (fraction), macs, params, size_bytes,"
            " peak_activation_bytes; latency_ms (ms, one column per device) or latency_ms:<device> (that device alone;"
            " the others may have limits); latency_ms:worst (the largest latency of all devices, in ms);"
            " latency_share:worst (the largest share of a device's own upper limit, which every device must have).",
            examples=[["error", "latency_ms"]],
        ),
    ] = ["error", "latency_ms"]
    limits: Annotated[
        Limits,
        Field(
            description="Bounds that every network of the front keeps.",
            examples=[{"latency_ms": {"raspberry-pi-4": {"max": 25.0}}, "params": {"max": 2000000}}],
        ),
    ] = Limits()
    stop: Annotated[StopCriteria, Field(examples=[{"stagnation_generations": 20}])] = StopCriteria()
    start_from: StartFrom = None
    start_genomes: StartGenomes = []
    population: Annotated[int, Field(ge=2, le=2000, description="Candidates per generation.")] = 96
    generations: Annotated[int, Field(ge=1, le=10_000, description="Generations, the random first one included.")] = 150
    seed: Annotated[
        int | None,
        Field(ge=0, le=LARGEST_SEED, description="The same seed gives the same front. Random when left out."),
    ] = None
    tables: Annotated[
        dict[Name, Sha256] | None,
        Field(
            max_length=16,
            description="By device the sha256 of the version of its latency table; the present one where left out. A"
            " search keeps the versions that it was posted with.",
        ),
    ] = None
    allow_emulated: Annotated[
        bool,
        Field(description="Use tables that were measured on an emulated processor, which say nothing about a device."),
    ] = False
    remeasure: Annotated[
        bool,
        Field(
            description="Time the networks of the front at the end, on the server's own processor, which one of the"
            " devices must be. Takes about a minute for each such device; up to 64 networks are timed."
        ),
    ] = False

    verify: Annotated[
        bool,
        Field(
            description="Evaluate candidates with the supernet's weights on the validation images of its dataset"
            " (LUTNAS_DATASETS) during the search, and take the front from those by their verified error. Takes"
            " seconds to tens of seconds for each network; what any search has evaluated is not evaluated again."
        ),
    ] = False
    verify_evaluations: Annotated[
        int | None,
        Field(
            ge=2,
            le=MOST_MEASURED,
            description=f"With `verify`: networks to evaluate, {VERIFY_EVALUATIONS} when left out. The front depends"
            " on it, and not on how many of them were known before.",
        ),
    ] = None
    verify_images: Annotated[
        int | None,
        Field(
            ge=10,
            le=1_000_000,
            description=f"With `verify`: validation images to evaluate them on, {VERIFY_IMAGES} when left out; all"
            " where there are no more. The same ones each time.",
        ),
    ] = None

    @field_validator("verify")
    @classmethod
    def _needs_error(cls, verify: bool, fields: ValidationInfo) -> bool:
        if verify and "error" not in fields.data.get("objectives", ["error"]):
            message = "Needs error among the objectives: add it, or leave verify out."
            raise PydanticCustomError("verify_without_error", message)
        return verify

    @field_validator("verify_evaluations", "verify_images")
    @classmethod
    def _needs_verify(cls, given: int | None, fields: ValidationInfo) -> int | None:
        # A verify that is wrong itself is not in the fields, and has its own fault.
        if given is not None and not fields.data.get("verify", True):
            raise PydanticCustomError("without_verify", 'Counts only with verify. Add "verify": true, or leave it out.')
        return given

    @field_validator("remeasure")
    @classmethod
    def _needs_latency(cls, remeasure: bool, fields: ValidationInfo) -> bool:
        objectives = fields.data.get("objectives", ["latency_ms"])
        if remeasure and not any(name.startswith("latency_ms") and name != WORST_LATENCY for name in objectives):
            message = "Needs latency_ms, or latency_ms:<device>, among the objectives: add it, or leave remeasure out."
            raise PydanticCustomError("remeasure_without_latency", message)
        return remeasure

    @field_validator("start_from")
    @classmethod
    def _once(cls, start_from: list[str] | None) -> list[str] | None:
        if len(set(start_from or [])) < len(start_from or []):
            raise PydanticCustomError("named_twice", "Names a search twice. Name each once.")
        return start_from

    @field_validator("tables")
    @classmethod
    def _of_its_devices(cls, tables: dict[str, str] | None, fields: ValidationInfo) -> dict[str, str] | None:
        if not set(tables or {}) <= set(fields.data.get("devices", tables or {})):
            message = "Names a table of a device that is not searched for: add it to devices, or leave it out."
            raise PydanticCustomError("table_of_another_device", message)
        return tables

    def completed(self, seed: int, tables: Mapping[str, str]) -> SearchRequest:
        """The request with every default filled in, and with the versions of its tables."""
        filled: dict[str, object] = {"seed": seed, "tables": dict(tables)}
        if self.verify:
            filled["verify_evaluations"] = self.verify_evaluations or VERIFY_EVALUATIONS
            filled["verify_images"] = self.verify_images or VERIFY_IMAGES
        return self.model_copy(update=filled)

    @property
    def timed_devices(self) -> tuple[str, ...]:
        """The devices whose own latency is minimised."""
        named = {objective.partition(":")[2] for objective in self.objectives if objective.startswith("latency_ms:")}
        return tuple(name for name in self.devices if "latency_ms" in self.objectives or name in named)

    def search_spec(self) -> SearchSpec:
        """The engine's input.

        Raises:
            ValueError: the request has not been completed.
        """
        if self.seed is None or (self.verify and self.verify_evaluations is None):
            raise ValueError("complete the request first: fill in the seed, and what verify leaves open")
        return SearchSpec(
            space=self.space,
            devices=tuple(self.devices),
            objectives=tuple(self.objectives),
            limits=self._limits(),
            population=self.population,
            generations=self.generations,
            seed=self.seed,
            stop=Stop(**self.stop.model_dump()),
            start_genomes=tuple(map(tuple, self.start_genomes)),
            evaluations=self.verify_evaluations if self.verify else None,
        )

    def _limits(self) -> tuple[Limit, ...]:
        limits = []
        for objective in Limits.model_fields:
            given = getattr(self.limits, objective)
            by_device = given if isinstance(given, dict) else {None: given}
            limits += [Limit(objective, device, b.min, b.max) for device, b in by_device.items() if b is not None]
        return tuple(limits)
