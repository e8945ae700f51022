"""Stands for a latency table and an error predictor: by formula, exact, and counting their calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from latency_tables import MissingOperatorError, OperatorKey
from search import Genomes, Prediction, SearchResources, Space


@dataclass
class FakeTable:
    """A `LatencySource` whose operators cost the size of their output, so that every architecture differs."""

    device: str = "board"
    fixed_ms: float = 1.0
    interval: float | None = 0.1
    kind: str = "measured"
    factor: float = 1.0
    absent: Collection[OperatorKey] = ()
    broken: Mapping[OperatorKey, float] = field(default_factory=dict)
    operators: tuple[OperatorKey, ...] = ()
    neighbour_ms: Mapping[tuple[OperatorKey, OperatorKey], float] = field(default_factory=dict)
    covers: Collection[OperatorKey] = ()

    @property
    def has_interval(self) -> bool:
        return self.interval is not None

    def half_width_ms(
        self, counts: npt.NDArray[np.float64], latency_ms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64] | None:
        assert counts.shape == (len(latency_ms), len(self.operators))
        return None if self.interval is None else self.interval * latency_ms

    def missing(self, keys: tuple[OperatorKey, ...]) -> tuple[OperatorKey, ...]:
        return tuple(key for key in keys if key in self.absent)

    def latency_ms(self, key: OperatorKey) -> float:
        if key in self.absent:
            raise MissingOperatorError(self.device, (str(key),))
        attributes = dict(key.attributes)
        channels, height, width = key.out_shape
        work = attributes.get("expansion", 1) * attributes.get("kernel", 1) / attributes.get("groups", 1)
        return self.broken.get(key, self.factor * channels * height * width * work / 65_536)


class FakePredictor:
    """A `Predictor`: error falls with macs, and with the genes' sum; interval of 0.01 either way."""

    def __init__(self, space: Space) -> None:
        self.macs = space.tabulate(lambda block: block.macs)
        self.most = self.macs.highest_total()
        self.calls: list[int] = []

    def mean(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        self.calls.append(len(genomes))
        return 0.4 - 0.3 * np.sqrt(self.macs.total(genomes) / self.most) - 0.001 * genomes.sum(axis=1)

    def predict(self, genomes: Genomes) -> Prediction:
        mean = self.mean(genomes)
        return Prediction(mean, mean - 0.01, mean + 0.01)


class SpoiledPredictor(FakePredictor):
    """Gives `value` for every genome whose gene `gene` is `choice`."""

    def __init__(self, space: Space, value: float, gene: int = 0, choice: int = 0) -> None:
        super().__init__(space)
        self.value, self.gene, self.choice = value, gene, choice

    def mean(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        return np.where(genomes[:, self.gene] == self.choice, self.value, super().mean(genomes))


def fake_resources(space: Space, **changes: object) -> SearchResources:
    """Two devices, `board` and `phone`, the second with another ratio of fixed to operator cost."""
    tables = {"board": FakeTable(), "phone": FakeTable("phone", 3.0, None, "published", 0.5)}
    parts = {"space": space, "predictor": FakePredictor(space), "tables": tables} | changes
    return SearchResources(**parts)


def all_genomes(space: Space) -> Genomes:
    """Every genome of a small space, in lexical order."""
    return np.stack(np.unravel_index(np.arange(space.n_choices.prod()), space.n_choices), axis=1).astype(np.int64)


def brute_force_front(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Non-dominated rows by comparing every pair; of equal rows the first."""
    marks = []
    for row, value in enumerate(values):
        dominated = (values <= value).all(axis=1) & (values < value).any(axis=1)
        repeated = (values[:row] == value).all(axis=1)
        marks.append(not dominated.any() and not repeated.any())
    return np.array(marks, dtype=bool)
