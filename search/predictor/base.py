"""What the engine asks of a predictor. Implemented by `error_predictor.ErrorPredictor`; faked in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes


@dataclass(frozen=True)
class Prediction:
    """Expected error of n candidates, each `(n,)`, a fraction in [0, 1]; `low` to `high` is a 90 % interval."""

    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


class Predictor(Protocol):
    """Genomes -> expected error, without a Python loop over candidates."""

    def mean(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Expected error only, `(n,)`: the cheap form that a search asks for every candidate."""

    def predict(self, genomes: Genomes) -> Prediction:
        """Expected error with its 90 % interval."""
