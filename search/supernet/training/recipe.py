"""Recipe: every number of a supernet training, in one frozen place. It is written into the artefact's card."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    """Training on sampled paths (Guo et al. 2020), the largest one mixed in, then with frozen statistics.

    AdamW (Loshchilov and Hutter 2019), because a path leaves most weights without a gradient: SGD at the rates that
    suit the largest network diverged on random paths.

    Attributes:
        epochs: with batch statistics.
        frozen_epochs: after that, with frozen statistics (ADR 0002).
        batch: images of one step, divided among `paths` architectures.
        warm_up_steps: steps with a rising learning rate, on the largest architecture alone.
        largest_share: share of the later steps in which one path is the largest architecture.
        calibration_batches: random paths whose statistics are pooled before freezing.
    """

    epochs: int = 13
    frozen_epochs: int = 4
    batch: int = 192
    paths: int = 3
    learning_rate: float = 3e-3
    frozen_learning_rate: float = 6e-4
    warm_up_steps: int = 150
    weight_decay: float = 0.02
    gradient_norm: float = 5.0
    largest_share: float = 0.33
    calibration_batches: int = 400
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
