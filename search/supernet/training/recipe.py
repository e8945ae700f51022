"""Recipe: every number of a supernet training, in one frozen place. It is written into the artefact's card."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    """Single-path training (Guo et al. 2020) with the largest sub-network mixed in, then frozen statistics.

    Attributes:
        epochs: with batch statistics; each step trains one path on one batch.
        frozen_epochs: after that, with frozen statistics (ADR 0002).
        largest_share: share of steps that train the largest sub-network, the others a uniformly random one.
        calibration_batches: random paths whose statistics are averaged before freezing.
    """

    epochs: int = 18
    frozen_epochs: int = 6
    batch: int = 128
    learning_rate: float = 0.1
    frozen_learning_rate: float = 0.02
    warm_up_steps: int = 500
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_norm: float = 5.0
    largest_share: float = 0.2
    calibration_batches: int = 500
    held_out: int = 5000
    seed: int = 2026

    def as_dict(self) -> dict[str, float]:
        """All numbers by name."""
        return asdict(self)

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate: linear warm-up and half a cosine in each of the two phases.

        The first phase ends at the rate the second starts with; the second ends at 0.
        """
        first = self.epochs * steps_per_epoch
        if step < first:
            low, high = self.frozen_learning_rate, self.learning_rate
            warm = min(1.0, (step + 1) / self.warm_up_steps)
            return warm * (low + (high - low) * _cosine(step / first))
        return self.frozen_learning_rate * _cosine((step - first) / (self.frozen_epochs * steps_per_epoch))


def _cosine(fraction: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, fraction)))
