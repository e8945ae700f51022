"""Genomes that stand for many: those that are not dominated and far apart. Used to start a search from earlier ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.evolution.survival import best_first
from search.objectives.columns import limit_column, objective_columns
from search.objectives.evaluator import Evaluator
from search.objectives.objective import make_objectives
from search.resources import SearchResources
from search.space.base import check_genomes
from search.spec import SearchSpec

_AT_ONCE = 0.9
"""Crowding is looked at afresh after each tenth is dropped: of two close neighbours one is to stay."""


def best_spread(
    spec: SearchSpec, resources: SearchResources, genomes: Sequence[tuple[int, ...]], most: int
) -> list[tuple[int, ...]]:
    """At most `most` of distinct genomes by the objectives and limits of a spec; all, as given, where they fit.

    Raises:
        GenomeError: a genome that is not of the space.
        NonFiniteObjectiveError: more than 5 % of the genomes have an objective that is not a finite number.
    """
    if most < 1 or not genomes:
        return []
    rows = check_genomes(resources.space, [list(genome) for genome in genomes])
    if len(rows) > most:
        columns = objective_columns(spec)
        objectives = make_objectives(resources, [*columns, *map(limit_column, spec.limits)])
        evaluation = Evaluator(objectives, columns, spec.limits).evaluate(rows)
        left = np.arange(len(rows))
        while len(left) > most:
            size = max(most, int(_AT_ONCE * len(left)))
            left = left[best_first(evaluation.values[left], evaluation.violation[left], size)]
        rows = rows[np.sort(left)]
    return [tuple(row) for row in rows.tolist()]
