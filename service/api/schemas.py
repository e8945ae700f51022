"""What the API answers, as it stands in the OpenAPI document. Requests: `service/search_request.py`, `ScoreRequest`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from service.api.answer import Answer, Fraction
from service.api.front_figures import RemeasuredAnswer, VerifiedAnswer
from service.job import State
from service.strict_model import Name, StrictModel

MOST_GENOMES = 10_000
Time = Annotated[str, Field(description="RFC 3339, UTC.", examples=["2026-11-22T20:00:00.000000Z"])]


class FaultAnswer(Answer):
    """One thing wrong with a request."""

    pointer: Annotated[str, Field(description="JSON pointer into the request.", examples=["/limits/params/max"])]
    code: str
    detail: str


class Problem(Answer):
    """Every answer that is not a success (RFC 9457). Some codes add members, such as `state` or `best_reachable`."""

    type: Annotated[str, Field(examples=["urn:lutnas:error:limit"])]
    title: str
    status: int
    code: Annotated[str, Field(description="Stable: programs may rely on it.", examples=["limit"])]
    detail: Annotated[str, Field(description="What, where, and what to do next.")]
    instance: str | None = None
    request_id: str | None = None
    errors: Annotated[list[FaultAnswer] | None, Field(description="Up to 20 faults at once.")] = None
    errors_total: int | None = None


class SpaceSummary(Answer):
    """A search space."""

    name: Annotated[str, Field(examples=["fbnet-cifar10"])]
    description: str
    architectures: Annotated[int, Field(description="Number of networks in the space.")]
    genes: Annotated[int, Field(description="Length of a genome.")]
    input_shape: Annotated[list[int], Field(description="Channels, height, width.", examples=[[3, 32, 32]])]
    classes: int
    searchable: Annotated[bool, Field(description="Whether a trained supernet is installed.")]
    devices: Annotated[list[str], Field(description="Devices with a latency table for the space.")]


class Gene(Answer):
    """One place of a genome; a gene is an index into `choices`."""

    name: str
    choices: list[str]


class SpaceDetail(SpaceSummary):
    """A search space with its genes and its supernet."""

    gene_choices: list[Gene]
    sha256: Annotated[str, Field(description="Fingerprint of the space's definition.")]
    supernet_sha256: str | None
    supernet_card: Annotated[dict[str, Any] | None, Field(description="Data, recipe and errors measured.")]
    measurement_plan_url: str


class SpaceList(Answer):
    """All spaces."""

    spaces: list[SpaceSummary]


class ScoreRequest(StrictModel):
    """Genomes to score in one space."""

    space: Annotated[Name, Field(examples=["fbnet-cifar10"])]
    devices: Annotated[
        list[Name] | None,
        Field(
            max_length=64,
            description="Left out: all devices with a table for the space, but those of an emulated processor.",
        ),
    ] = None
    allow_emulated: Annotated[
        bool,
        Field(description="Use tables that were measured on an emulated processor, which say nothing about a device."),
    ] = False
    genomes: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=1000)]],
        Field(min_length=1, max_length=MOST_GENOMES, examples=[[[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]]),
    ]


class Latency(Answer):
    """Latency of one network on one device, in ms for one image; `low` to `high` is a 90 % interval if known."""

    expected: float
    low: float | None
    high: float | None
    kind: Annotated[str, Field(description="Of the table: measured, published or estimated.")]


class Score(Answer):
    """Objectives of one network."""

    error: Annotated[Fraction, Field(description="Expected 1 - top-1 accuracy.")]
    error_interval: Annotated[list[Fraction], Field(description="90 % interval.", min_length=2, max_length=2)]
    latency_ms: Annotated[dict[str, Latency], Field(description="By device.")]
    macs: Annotated[int, Field(description="Multiply-accumulates for one image.")]
    params: Annotated[int, Field(description="Weights and biases as deployed.")]
    size_bytes: Annotated[int, Field(description="Bytes of the parameters in float32.")]
    peak_activation_bytes: Annotated[int, Field(description="Most bytes of activations alive at once, one image.")]


class HonestyFigures(Answer):
    """How a table did on whole networks that were not used to make it; errors and shares are fractions."""

    networks: int
    mape: Annotated[float, Field(description="Mean of |predicted - measured| / measured.")]
    within_5: Annotated[Fraction, Field(description="Share of networks within 5 %.")]
    within_10: Fraction
    kendall_tau: float | None
    interval_coverage: Annotated[float | None, Field(description="Share of networks inside their 90 % interval.")]
    repeatability_mape: Annotated[float, Field(description="Of measuring the same networks again: the floor.")]
    repeatability_within_10: Fraction
    repeatability_tau: float | None


class TableSummary(Answer):
    """The table behind latencies: where it comes from, and how well it holds.

    Searches of older versions kept `kind` and `sha256` alone.
    """

    kind: Annotated[str, Field(description="measured, published or estimated.")]
    sha256: str
    processor: str | None = None
    threads: int | None = None
    emulated: Annotated[
        bool | None, Field(description="The processor was emulated: nothing is known about a device.")
    ] = None
    honesty: Annotated[HonestyFigures | None, Field(description="None when no network was measured.")] = None


class ScoreList(Answer):
    """Scores in the order of the genomes sent."""

    space: str
    scores: list[Score]
    tables: Annotated[dict[str, TableSummary], Field(description="By device: the table behind the latencies.")]


class BreakdownRowAnswer(Answer):
    """One block's part of a latency; the rows of a network sum to its latency."""

    position: Annotated[str, Field(description="Place in the network; `fixed` for what every network pays once.")]
    label: str
    operator: Annotated[str | None, Field(description="None for `fixed` and for blocks that compute nothing.")]
    latency_ms: Annotated[
        float, Field(description="With what it costs more, or less, right after the operator before it.")
    ]
    share: Annotated[float, Field(description="Of the network's latency.")]
    in_fixed: Annotated[bool, Field(description="The operator's own time is inside the row `fixed`.")]


class BlockAnswer(Answer):
    """One block of a network."""

    position: str
    label: str
    operator: str | None
    macs: int
    params: int


class ArchitectureAnswer(Score):
    """One network of a space: its objectives, its blocks, and where its latencies go."""

    space: str
    architecture_id: str
    genome: list[int]
    blocks: list[BlockAnswer]
    tables: Annotated[dict[str, TableSummary], Field(description="By device: the table behind the latencies.")]
    breakdown: Annotated[dict[str, list[BreakdownRowAnswer]], Field(description="By device, in order of computation.")]


class ProgressAnswer(Answer):
    """How far a search is."""

    phase: Annotated[str, Field(description="waiting, loading, evolving, verifying, remeasuring or done.")]
    generation: int
    generations_total: int
    evaluations: Annotated[int, Field(description="Distinct networks scored so far; with `verify`, on images.")]
    fraction: Annotated[
        Fraction, Field(description="Of the generations, of the nearest `stop` criterion, or of the phase.")
    ]
    front_size: int
    hypervolume: Annotated[float | None, Field(description="Of the front so far, from 0 to 1; higher is better.")]
    seconds_left: Annotated[float | None, Field(description="Of the phases `verifying` and `remeasuring`.")]


class ErrorAnswer(Answer):
    """Why a search failed."""

    code: str
    message: str
    param: str | None


class JobUrls(Answer):
    """Where to go from here."""

    self: str
    cancel: str
    events: str
    front: str
    front_csv: str
    front_zip: str


class JobAnswer(Answer):
    """A search."""

    id: Annotated[str, Field(examples=["srch_k5nq2xv7c3mzr4t6w2y5u7a3be"])]
    state: State
    state_reason: str | None
    created_at: Time
    queued_at: Time
    started_at: Time | None
    cancelling_at: Time | None
    finished_at: Time | None
    estimated_finish_at: Time | None
    spec: Annotated[dict[str, Any], Field(description="As sent.")]
    effective_spec: Annotated[dict[str, Any], Field(description="With every default filled in, the seed too.")]
    seed: int
    progress: ProgressAnswer
    attempt: Annotated[int, Field(description="1, and 1 more each time a server died under the search.")]
    error: ErrorAnswer | None
    urls: JobUrls


class JobList(Answer):
    """A page of searches, newest first."""

    searches: list[JobAnswer]
    next_page_token: Annotated[str, Field(description="Empty on the last page.")]


class EventAnswer(Answer):
    """One line of a search's history."""

    seq: Annotated[int, Field(description="Counts from 1 without gaps.")]
    at: Time
    kind: Annotated[str, Field(description="A state, or `progress`.")]
    detail: dict[str, Any]


class EventList(Answer):
    """Events after the one asked for; `next_after` is the `after` of the next request."""

    events: list[EventAnswer]
    next_after: int


class FrontItemAnswer(Score):
    """A network that no other evaluated network beats in every objective."""

    architecture_id: str
    genome: list[int]
    blocks: Annotated[list[str], Field(description="Labels of the layers' blocks, in order.")]
    objectives: Annotated[
        dict[str, float] | None,
        Field(
            description="By the front's `columns`, as they were minimised: error as a fraction (with `verify` the"
            " verified one), latency_ms in ms, latency_share as a fraction of the device's upper limit, macs and params"
            " as counts, size_bytes and peak_activation_bytes in bytes. None for searches of older versions.",
            examples=[{"error": 0.08, "latency_share:worst": 0.8}],
        ),
    ] = None
    model_url: Annotated[str, Field(description="The network with trained weights as ONNX.")]
    remeasured_ms: Annotated[
        dict[str, float] | None,
        Field(description="With `remeasure`: measured at the end of the search, by device. Beside `latency_ms`."),
    ] = None
    repeated_ms: Annotated[dict[str, float] | None, Field(description="The same measurement again.")] = None
    remeasured_rank: Annotated[
        int | None, Field(description="Pareto rank by `remeasured_ms` among the networks measured; 1 is the front.")
    ] = None
    non_dominated_after_remeasure: bool | None = None
    verified_error: Annotated[
        Fraction | None,
        Field(description="With `verify`: on validation images, with the very weights. Beside the predicted `error`."),
    ] = None
    verified_cross_entropy: Annotated[float | None, Field(description="With `verify`: mean, in nats.")] = None


class FrontNetworkAnswer(FrontItemAnswer):
    """One network of a front with where its latencies go."""

    tables: Annotated[dict[str, TableSummary], Field(description="By device: the table that the search used.")]
    breakdown: Annotated[
        dict[str, list[BreakdownRowAnswer]] | None,
        Field(description="By device, in order of computation. None for searches that ended before there were any."),
    ]


class Evaluated(Answer):
    """Every distinct network evaluated, in the order of first evaluation; `values` as in `columns`, all minimised."""

    columns: list[str]
    genomes: list[list[int]]
    values: list[list[float]]
    feasible: Annotated[list[bool], Field(description="Which keep all limits.")]


class HistoryRow(Answer):
    """Where a search stood after one generation."""

    generation: Annotated[int, Field(description="Counts from 1.")]
    evaluations: Annotated[int, Field(description="Distinct networks evaluated so far.")]
    hypervolume: Annotated[Fraction, Field(description="Share of the reachable objective space that the front beats.")]


class FrontAnswer(Answer):
    """The Pareto front of a search, sorted by the first objective."""

    search_id: str
    space: str
    seed: int
    columns: Annotated[list[str], Field(examples=[["error", "latency_ms:raspberry-pi-4"]])]
    supernet_sha256: str
    tables: Annotated[dict[str, TableSummary], Field(description="By device: the table that the search used.")]
    evaluations: int
    hypervolume: float
    stopped_by: Annotated[
        str | None,
        Field(
            description="What ended the search: generations, evaluations (with `verify`), candidates, seconds or"
            " stagnation (see `stop`), or space_exhausted. None for searches of older versions."
        ),
    ] = None
    history: Annotated[
        list[HistoryRow] | None, Field(description="By generation. None for searches of older versions.")
    ] = None
    items: list[FrontItemAnswer]
    remeasured: Annotated[RemeasuredAnswer | None, Field(description="With `remeasure` in the request.")] = None
    verified: Annotated[VerifiedAnswer | None, Field(description="With `verify` in the request.")] = None
    evaluated: Annotated[Evaluated | None, Field(description="With `?include=evaluated`.")] = None


class Health(Answer):
    """How the server is."""

    status: Annotated[str, Field(examples=["ok"])]
    detail: str | None = None
