"""The first genomes of a search: the ends of the front, networks that keep the limits, and those that were given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search.objectives.columns import Column, objective_columns
from search.objectives.descent import descend
from search.objectives.objective import Objective
from search.objectives.violation import Violation, limited_columns
from search.space.base import Genomes, Space, random_genomes
from search.spec import SearchSpec

_INSIDE = 4
"""Descents towards the limits: where they leave little of the space, random genomes are all outside."""


def start_room(spec: SearchSpec) -> int:
    """How many given genomes the first population has room for, at least 1."""
    others = len(objective_columns(spec)) + (_INSIDE if spec.limits else 0)
    return max(spec.population - others, 1)


def first_genomes(
    spec: SearchSpec,
    space: Space,
    columns: tuple[Column, ...],
    objectives: Mapping[Column, Objective],
    rng: np.random.Generator,
) -> Genomes:
    """The best genome of each column, so that the front reaches its ends from the first generation, and the others."""
    starts = random_genomes(space, len(columns), rng)
    ends = [descend(space, objectives[column].values, start) for column, start in zip(columns, starts, strict=True)]
    inside = _inside(spec, space, objectives, rng) if spec.limits else []
    given = [np.array(genome, dtype=np.int64) for genome in spec.start_genomes]
    return np.stack([*ends, *inside, *given])


def _inside(
    spec: SearchSpec, space: Space, objectives: Mapping[Column, Objective], rng: np.random.Generator
) -> list[np.ndarray]:
    """Genomes that keep the limits, or nearly so."""
    violation = Violation(spec.limits, objectives)
    limited = limited_columns(spec.limits)

    def beyond(genomes: Genomes) -> np.ndarray:
        return violation({column: objectives[column].values(genomes) for column in limited})

    return [descend(space, beyond, start) for start in random_genomes(space, _INSIDE, rng)]
