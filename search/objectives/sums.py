"""Objectives that follow exactly from single blocks: sums (macs, params, size, latency) and maxima (peak memory)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.space.base import GenomeCost, Genomes, TotalCost


@dataclass(frozen=True)
class Reach:
    """Smallest and largest value of any architecture of a space; `exact` is False for an estimate."""

    lowest: float
    highest: float
    exact: bool


@dataclass(frozen=True)
class TotalObjective:
    """`fixed` plus the sum over an architecture."""

    cost: TotalCost
    fixed: float = 0.0

    def values(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Natural values, `(n,)`."""
        return self.cost.total(genomes) + self.fixed

    def reach(self) -> Reach:
        """Exact."""
        return Reach(self.cost.lowest_total() + self.fixed, self.cost.highest_total() + self.fixed, exact=True)


@dataclass(frozen=True)
class LargestObjective:
    """The maximum over blocks."""

    cost: GenomeCost

    def values(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Natural values, `(n,)`."""
        return self.cost.largest(genomes)

    def reach(self) -> Reach:
        """Exact."""
        return Reach(self.cost.lowest_largest(), self.cost.highest_largest(), exact=True)


@dataclass(frozen=True)
class WorstObjective:
    """The largest of several sums, each as a multiple of its own unit: the worst case over devices."""

    parts: tuple[tuple[TotalObjective, float], ...]

    def values(self, genomes: Genomes) -> npt.NDArray[np.float64]:
        """Natural values, `(n,)`."""
        return np.asarray(np.max([part.values(genomes) / unit for part, unit in self.parts], axis=0))

    def reach(self) -> Reach:
        """Exact above; below, what no architecture can beat, since one may not be best on all devices."""
        reaches = [(part.reach(), unit) for part, unit in self.parts]
        lowest = max(reach.lowest / unit for reach, unit in reaches)
        return Reach(lowest, max(reach.highest / unit for reach, unit in reaches), exact=False)
