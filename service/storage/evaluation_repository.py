"""Rows of evaluations, within a transaction of the caller (`evaluation_cache.py`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from search import Evaluation
from service.job import time_text
from service.storage.tables import evaluations

Genome = tuple[int, ...]
_INSERTS: Mapping[str, Callable[[Table], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


@dataclass(frozen=True)
class EvaluationKey:
    """What an error holds for besides the genome: the weights, what a genome means, and the very images."""

    supernet_sha256: str
    space_sha256: str
    images_sha256: str


class EvaluationRepository:
    """Evaluations on one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, key: EvaluationKey, genomes: Sequence[Genome]) -> dict[Genome, Evaluation]:
        """The genomes evaluated before. A row that cannot be an evaluation counts as none."""
        by_text = {_text(genome): genome for genome in genomes}
        query = select(evaluations).where(
            evaluations.c.supernet_sha256 == key.supernet_sha256,
            evaluations.c.space_sha256 == key.space_sha256,
            evaluations.c.images_sha256 == key.images_sha256,
            evaluations.c.genome.in_(by_text),
        )
        rows = {row["genome"]: _evaluation(row) for row in self._connection.execute(query).mappings()}
        return {by_text[text]: found for text, found in rows.items() if found is not None}

    def add(self, key: EvaluationKey, genome: Genome, evaluation: Evaluation, images: int, at: datetime) -> None:
        """Keep an evaluation on so many images; one that is there already stays."""
        insert = _INSERTS[self._connection.dialect.name](evaluations)
        row = asdict(key) | asdict(evaluation)
        row |= {"genome": _text(genome), "images": images, "created_at": time_text(at)}
        self._connection.execute(insert.values(row).on_conflict_do_nothing())


def _text(genome: Genome) -> str:
    return ",".join(map(str, genome))


def _evaluation(row: RowMapping) -> Evaluation | None:
    """SQLite keeps whatever was written into a column, whatever its type."""
    error, cross_entropy = row["error"], row["cross_entropy"]
    if not all(isinstance(value, float | int) and math.isfinite(value) for value in (error, cross_entropy)):
        return None
    sound = 0 <= error <= 1 and cross_entropy >= 0
    return Evaluation(float(error), float(cross_entropy)) if sound else None
