"""What is known of a space's candidates before any is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from search.objectives.columns import Column, limit_column
from search.objectives.objective import Objective, make_objectives
from search.predictor.kernel import Floats
from search.resources import SearchResources
from search.space.base import Genomes
from search.spec import Limit, SearchSpec
from search.surrogate.encoder import Features

ERROR = Column("error")
_SMALLEST_ERROR = 1e-4


@dataclass(frozen=True)
class Known:
    """One search. `predicted` are its objectives by column, the error as it was predicted beforehand."""

    spec: SearchSpec
    resources: SearchResources
    columns: tuple[Column, ...]
    predicted: Mapping[Column, Objective]

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Limits that are known to be kept or broken without measuring."""
        return tuple(limit for limit in self.spec.limits if limit_column(limit) != ERROR)

    @property
    def most_error(self) -> float:
        """The highest error that counts."""
        most = [limit.maximum for limit in self.spec.limits if limit_column(limit) == ERROR]
        return min((error for error in most if error is not None), default=np.inf)

    def features(self) -> Features:
        """Log odds of the predicted error, logarithms of macs, params and latencies."""
        costs = [Column("macs"), Column("params"), *(Column("latency_ms", device) for device in self.spec.devices)]
        objectives = list(make_objectives(self.resources, costs).values())

        def numbers(genomes: Genomes) -> Floats:
            errors = np.clip(self.predicted[ERROR].values(genomes), _SMALLEST_ERROR, 1 - _SMALLEST_ERROR)
            known = [np.log1p(np.maximum(objective.values(genomes), 0.0)) for objective in objectives]
            return np.column_stack([np.log(errors / (1 - errors)), *known])

        return numbers
