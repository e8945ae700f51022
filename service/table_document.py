"""TableDocument: a latency table as a client sends it (`PUT /v1/devices/{device}/tables/{space}`).

Only the form is checked here, field by field; what a table says about a space is for `table_checks.py`. The file's own
form is `latency_tables.files`, which has the last word.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field, StringConstraints

from latency_tables import Kind
from service.strict_model import Name, Sha256, StrictModel

FORMAT = "lutnas-latency-table/2"
LONGEST_MS = 600_000.0
SHORTEST_ROW_MS = 1e-6
"""A nanosecond: no operator that computes takes less, and no clock sees less."""
_VISIBLE = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]*$"
"""No control characters, which terminals obey, and none that turn the direction of a text."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=_VISIBLE)]
Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_MS)]
Row = Annotated[float, Field(ge=SHORTEST_ROW_MS, le=LONGEST_MS)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]
Tau = Annotated[float | None, Field(ge=-1, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Cell = Annotated[float, Field(ge=-1e9, le=1e9)]


class ProvenanceBody(StrictModel):
    """Where the numbers come from. What is not known is left out, never guessed."""

    device: Annotated[Name | None, Field(description="The table's device.")] = None
    processor: Text = "unknown"
    runtime: Annotated[Text, Field(examples=["onnxruntime"])] = "unknown"
    runtime_version: Text = "unknown"
    threads: Annotated[Count | None, Field(description="Threads of the runtime.")] = None
    batch: Annotated[Count, Field(description="Images per run.")] = 1
    precision: Annotated[Text, Field(examples=["float32"])] = "unknown"
    runs: Annotated[Count | None, Field(description="Timed runs behind one number.")] = None
    statistic: Annotated[Text, Field(description="What was made of the runs.", examples=["median"])] = "unknown"
    date: Annotated[Text, Field(description="ISO 8601.", examples=["2026-11-22"])] = "unknown"
    source: Annotated[Text, Field(description="Who measured, and where it is published.")] = "unknown"
    kind: Kind = "published"
    notes: Annotated[str, StringConstraints(max_length=8000, pattern=_VISIBLE)] = ""
    emulated: Annotated[bool, Field(description="Measured on an emulated processor; searches refuse it.")] = False


class HonestyBody(StrictModel):
    """How the table did on whole networks that were not used to make it. Errors and shares are fractions."""

    networks: Count
    mape: Positive
    within_5: Fraction
    within_10: Fraction
    kendall_tau: Tau
    interval_coverage: Fraction | None
    repeatability_mape: Positive
    repeatability_within_10: Fraction
    repeatability_tau: Tau
    predicted_ms: Annotated[list[Milliseconds], Field(max_length=10_000), FailFast()]
    measured_ms: Annotated[list[Row], Field(max_length=10_000), FailFast()]


class UncertaintyBody(StrictModel):
    """The covariance of the costs, for the 90 % interval of any network."""

    factor: Annotated[
        list[Annotated[list[Cell], Field(min_length=1, max_length=4096), FailFast()]],
        Field(min_length=2, description="ms; a row for the fixed cost, then one per operator, sorted by their texts."),
        FailFast(),
    ]
    noise: Annotated[float, Field(ge=0, le=10, description="Standard deviation around the sum, as a fraction.")]
    quantile: Annotated[float, Field(gt=0, le=100, description="Half of the 90 % interval in standard deviations.")]


class TableBody(StrictModel):
    """Milliseconds per operator on one device, for one image; only `fixed_ms` and `operator_ms` have no default."""

    device: Annotated[Name | None, Field(description="As in the address.")] = None
    space: Annotated[Name | None, Field(description="As in the address.")] = None
    fixed_ms: Annotated[
        Milliseconds, Field(description="Milliseconds that every network pays once, with the operators in `covers`.")
    ]
    covers: Annotated[list[str], Field(description="Operators whose time is inside `fixed_ms`.")] = []
    operator_ms: Annotated[
        dict[str, Row],
        Field(
            min_length=1,
            description="Operator -> milliseconds. Every operator of the space must be here or in `covers`; operators"
            " of other spaces may be here, too.",
            examples=[{"skip in=16x32x32 out=24x32x32 stride=1": 0.083}],
        ),
    ]
    neighbour_ms: Annotated[
        dict[str, Annotated[float, Field(ge=-LONGEST_MS, le=LONGEST_MS)]],
        Field(description="`first operator -> second operator` -> milliseconds beyond both alone; may be negative."),
    ] = {}
    provenance: ProvenanceBody = ProvenanceBody()
    honesty: HonestyBody | None = None
    uncertainty: UncertaintyBody | None = None


class TableDocument(StrictModel):
    """A table as `GET /v1/devices/{device}/tables/{space}` gives it."""

    format: Literal["lutnas-latency-table/2"] = "lutnas-latency-table/2"
    sha256: Annotated[
        Sha256 | None,
        Field(description="Of `table` as canonical JSON: names sorted, separators `,` and `:`. Checked where given."),
    ] = None
    table: TableBody
