"""Recipe: every number of a supernet training, in one frozen place. It is written into the artefact's card."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The largest network first, then with random ones that learn from it, at last with frozen statistics.

    The order of once-for-all (Cai et al. 2020) with the in-place distillation of BigNAS (Yu et al. 2020): a step of the
    largest alone costs a third of one with random networks, and they inherit what it learned. AdamW (Loshchilov and
    Hutter 2019), because a path leaves many weights without a gradient. What was measured: docs/training.md. Shares
    are of all steps.

    Attributes:
        epochs: of the whole training; every step shows `batch` images to each of its networks.
        largest_share: on the largest architecture alone.
        small_until: until here images are shrunk to `small_size` times their height and width.
        frozen_from: from here batch-norm statistics are frozen (ADR 0002).
        random_paths: random architectures in every step, on the same images as the largest.
        soft_share: weight of the largest network's answer against the label in the random ones' loss.
        label_smoothing: share of the label that is spread over all classes.
        calibration_batches: random paths whose statistics are pooled before freezing.
        held_out: training images kept for validation.
        precision: of convolutions, `bfloat16` or `float32`.
    """

    epochs: float = 20.0
    largest_share: float = 0.55
    small_until: float = 0.83
    small_size: float = 0.75
    frozen_from: float = 0.94
    batch: int = 96
    random_paths: int = 2
    soft_share: float = 0.5
    label_smoothing: float = 0.1
    learning_rate: float = 2.5e-3
    frozen_learning_rate: float = 6e-4
    warm_up_steps: int = 150
    weight_decay: float = 0.05
    gradient_norm: float = 5.0
    calibration_batches: int = 400
    held_out: int = 5000
    seed: int = 2026
    precision: str = "bfloat16"

    def steps(self, images: int) -> int:
        """All steps of a training on so many images."""
        return max(1, round(self.epochs * (images // self.batch)))

    def freeze_step(self, images: int) -> int:
        """The first step with frozen statistics; one of them is always left."""
        steps = self.steps(images)
        return min(round(self.frozen_from * steps), steps - 1)

    def paths(self, step: int, images: int) -> int:
        """Random architectures beside the largest in this step."""
        return 0 if step < round(self.largest_share * self.steps(images)) else self.random_paths

    def image_size(self, step: int, images: int, size: int) -> int:
        """Height and width that images of `size` pixels are trained with: whole, or shrunk to an even number."""
        small = step < round(self.small_until * self.steps(images))
        return 2 * round(self.small_size * size / 2) if small else size

    def rate(self, step: int, images: int) -> float:
        """Learning rate: linear warm-up and half a cosine before the freeze, half a cosine after it.

        The first phase ends at the rate the second starts with; the second ends at 0.
        """
        first = self.freeze_step(images)
        if step < first:
            low, high = self.frozen_learning_rate, self.learning_rate
            warm = min(1.0, (step + 1) / self.warm_up_steps)
            return warm * (low + (high - low) * _cosine(step / first))
        return self.frozen_learning_rate * _cosine((step - first) / (self.steps(images) - first))


def _cosine(fraction: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, fraction)))
