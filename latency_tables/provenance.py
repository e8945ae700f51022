"""Where a latency table comes from, and how well it holds.

Part `latency_tables/` of the way of the data (DESIGN.md, sections 2 and 5). The API shows both wherever it shows a
latency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["measured", "published", "estimated"]
"""`measured`: on this very machine; `published`: facts measured by others; `estimated`: fitted or transferred."""


@dataclass(frozen=True)
class Provenance:
    """How the numbers of a table were obtained. What is not known is "unknown" or None, never guessed.

    Attributes:
        threads: threads of the runtime; None when unknown.
        runs: timed runs behind one number; None when unknown.
        statistic: what was made of the runs, for example "median over 15 rounds of the smaller of 2 runs".
        date: ISO 8601 text, as exact as it is known (a year alone is allowed).
        source: who measured, with the publication where there is one.
        notes: what a reader must know before trusting the numbers.
        emulated: the processor was emulated: the numbers say nothing about a device, and searches refuse them.
    """

    device: str
    processor: str
    runtime: str
    runtime_version: str
    threads: int | None
    batch: int
    precision: str
    runs: int | None
    statistic: str
    date: str
    source: str
    kind: Kind
    notes: str = ""
    emulated: bool = False


@dataclass(frozen=True)
class Honesty:
    """How the table did on whole networks that were not used to fit it. Every share and error is a fraction.

    Attributes:
        networks: number of held-out networks.
        mape: mean of |predicted - measured| / measured.
        within_5: share of networks predicted within 5 %; `within_10` within 10 %.
        kendall_tau: rank agreement of predicted and measured; None when it is undefined (all equal).
        interval_coverage: share of measured latencies inside the table's 90 % interval; None when it has none.
        repeatability_mape: the same networks measured twice, even rounds against odd ones. A table's error can lie
            below it: half the rounds are noisier than all of them, and a table averages over many networks.
        repeatability_within_10: share of networks whose two halves agree within 10 %.
        repeatability_tau: Kendall tau of the two halves; None when it is undefined.
        predicted_ms: of every held-out network; `measured_ms` in the same order.
    """

    networks: int
    mape: float
    within_5: float
    within_10: float
    kendall_tau: float | None
    interval_coverage: float | None
    repeatability_mape: float
    repeatability_within_10: float
    repeatability_tau: float | None
    predicted_ms: tuple[float, ...]
    measured_ms: tuple[float, ...]
