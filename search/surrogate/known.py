"""What is known of a space's candidates before any is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from search.objectives.columns import Column, limit_column
from search.objectives.objective import Objective
from search.predictor.covariance import Floats
from search.resources import SearchResources
from search.space.base import Genomes
from search.spec import Limit, SearchSpec

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

    def prior(self, genomes: Genomes) -> Floats:
        """Log odds of the predicted error, `(n,)`."""
        errors = np.clip(self.predicted[ERROR].values(genomes), _SMALLEST_ERROR, 1 - _SMALLEST_ERROR)
        return np.asarray(np.log(errors / (1 - errors)))
