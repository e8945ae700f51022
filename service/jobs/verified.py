"""What became of a search's networks on images: of the front, and of all of them against their predictions.

Made by `verification.py`, written by `result_documents.py`, which every search's process loads: no database here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latency_tables import kendall_tau
from search import Evaluation, Predictor

Genome = tuple[int, ...]


@dataclass(frozen=True)
class Verified:
    """Errors on images as a result tells them: of the front by architecture id, and of everything evaluated."""

    by_network: Mapping[str, dict[str, float]]
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class PredictionAgreement:
    """How well errors were foretold by the predictor that the search began with.

    Attributes:
        kendall_tau: rank agreement; None when it is undefined (all equal, or fewer than two networks).
        mean_difference: of verified minus predicted error; above 0 when the networks err more than expected.
        coverage_90: share of the networks whose verified error lies inside their 90 % interval.
    """

    kendall_tau: float | None
    mean_difference: float
    coverage_90: float


def agreement(predictor: Predictor, found: Mapping[Genome, Evaluation]) -> PredictionAgreement:
    """Compare at least one evaluation with what was expected; the order of `found` does not matter."""
    genomes = sorted(found)
    predicted = predictor.predict(np.array(genomes, dtype=np.int64))
    error = np.array([found[genome].error for genome in genomes])
    inside = (predicted.low <= error) & (error <= predicted.high)
    return PredictionAgreement(
        kendall_tau(predicted.mean, error), float((error - predicted.mean).mean()), float(inside.mean())
    )
