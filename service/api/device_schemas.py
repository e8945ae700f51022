"""What the API answers about devices and their tables, as it stands in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.api.answer import Answer, Fraction

Sha256Text = Annotated[str, Field(description="Fingerprint of the table's content.", examples=["9f86d081884c7d65..."])]
KindText = Annotated[str, Field(description="measured, published or estimated.")]
Milliseconds = Annotated[float, Field(ge=0)]


class ProvenanceAnswer(Answer):
    """Where the numbers come from; what is not known is "unknown" or null."""

    device: str
    processor: str
    runtime: Annotated[str, Field(examples=["onnxruntime"])]
    runtime_version: str
    threads: Annotated[int | None, Field(description="Threads of the runtime.")]
    batch: Annotated[int, Field(description="Images per run.")]
    precision: Annotated[str, Field(examples=["float32"])]
    runs: Annotated[int | None, Field(description="Timed runs behind one number.")]
    statistic: Annotated[str, Field(description="What was made of the runs.")]
    date: Annotated[str, Field(description="ISO 8601, as exact as it is known.")]
    source: Annotated[str, Field(description="Who measured, and where it is published.")]
    kind: KindText
    notes: Annotated[str, Field(description="What to know before trusting the numbers.")]
    emulated: Annotated[bool, Field(description="The processor was emulated; searches refuse the table.")]


class HonestyAnswer(Answer):
    """How the table did on whole networks that were not used to make it. Errors and shares are fractions."""

    networks: Annotated[int, Field(description="Held-out networks.")]
    mape: Annotated[float, Field(ge=0, description="Mean of |predicted - measured| / measured.")]
    within_5: Annotated[Fraction, Field(description="Share of networks predicted within 5 %.")]
    within_10: Annotated[Fraction, Field(description="Share of networks predicted within 10 %.")]
    kendall_tau: Annotated[float | None, Field(description="Rank agreement of predicted and measured.")]
    interval_coverage: Annotated[
        Fraction | None, Field(description="Share of measured latencies inside the 90 % interval.")
    ]
    repeatability_mape: Annotated[
        float, Field(ge=0, description="The same networks measured twice: no table can be better than this.")
    ]
    repeatability_within_10: Annotated[Fraction, Field(description="Share that the two measurements agree on in 10 %.")]
    repeatability_tau: Annotated[float | None, Field(description="Rank agreement of the two measurements.")]
    predicted_ms: Annotated[list[Milliseconds], Field(description="Milliseconds, one per held-out network.")]
    measured_ms: Annotated[list[Milliseconds], Field(description="Milliseconds, in the same order.")]


class VersionAnswer(Answer):
    """One version of a table; `GET .../tables/{space}?version=SHA256` downloads it."""

    sha256: Sha256Text
    date: Annotated[str, Field(description="Of the measurement.")]
    kind: KindText


class TableAnswer(Answer):
    """The present table of a device for a space: where it comes from and how well it holds."""

    space: str
    kind: KindText
    emulated: Annotated[bool, Field(description="Measured on an emulated processor; searches refuse it unless forced.")]
    provenance: ProvenanceAnswer
    honesty: Annotated[HonestyAnswer | None, Field(description="Null where no network was measured.")]
    has_interval: Annotated[bool, Field(description="Whether latencies come with a 90 % interval.")]
    fixed_ms: Annotated[float, Field(description="Milliseconds that every network pays once.")]
    operators: Annotated[int, Field(description="Rows of the table.")]
    sha256: Sha256Text
    url: Annotated[str, Field(examples=["/v1/devices/raspberry-pi-4/tables/fbnet-cifar10"])]
    versions: Annotated[
        list[VersionAnswer], Field(description="Versions kept, the last one first: those put, and those searched with.")
    ]


class DeviceAnswer(Answer):
    """A device with its latency tables."""

    name: Annotated[str, Field(examples=["raspberry-pi-4"])]
    tables: list[TableAnswer]


class DamagedTable(Answer):
    """A table file that cannot be used."""

    file: Annotated[str, Field(description="Device and file name.")]
    reason: str


class DeviceList(Answer):
    """All devices."""

    devices: list[DeviceAnswer]
    damaged_tables: list[DamagedTable]


class WarningAnswer(Answer):
    """Something to know before trusting a table."""

    code: Annotated[str, Field(description="Stable: programs may rely on it.", examples=["drift"])]
    detail: str


class StoredTable(Answer):
    """A table that was put, and is now the device's table for the space."""

    device: str
    space: str
    sha256: Sha256Text
    kind: KindText
    emulated: Annotated[bool, Field(description="Measured on an emulated processor; searches refuse it unless forced.")]
    new_version: Annotated[bool, Field(description="False where this very table was put before.")]
    operators: Annotated[int, Field(description="Rows of the table.")]
    honesty: Annotated[HonestyAnswer | None, Field(description="Null where no network was measured.")]
    warnings: list[WarningAnswer]
    url: Annotated[str, Field(description="Downloads this version.")]
