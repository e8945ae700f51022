"""Recipe: every number of a supernet training, in one frozen place. It is written into the artefact's card."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The largest network alone, then with random ones that learn from it, then with frozen statistics.

    The order of once-for-all (Cai et al. 2020) with the in-place distillation of BigNAS (Yu et al. 2020); AdamW
    (Loshchilov and Hutter 2019), because a path leaves many weights without a gradient. What failed first: uniform
    single paths, with SGD at 0.02 to 0.1 (diverged) and with AdamW (27 % after 3 epochs).

    Attributes:
        largest_epochs: on the largest architecture alone.
        epochs: with `random_paths` random architectures beside it in every step, on the same images.
        frozen_epochs: the same with frozen statistics (ADR 0002).
        soft_share: weight of the largest network's answer against the label in the random ones' loss.
        calibration_batches: random paths whose statistics are pooled before freezing.
    """

    largest_epochs: int = 3
    epochs: int = 4
    frozen_epochs: int = 1
    batch: int = 96
    random_paths: int = 2
    soft_share: float = 0.5
    learning_rate: float = 3e-3
    frozen_learning_rate: float = 6e-4
    warm_up_steps: int = 150
    weight_decay: float = 0.02
    gradient_norm: float = 5.0
    calibration_batches: int = 400
    held_out: int = 5000
    seed: int = 2026

    def frozen_from(self, steps_per_epoch: int) -> int:
        """The first step with frozen statistics."""
        return (self.largest_epochs + self.epochs) * steps_per_epoch

    def steps(self, steps_per_epoch: int) -> int:
        """All steps of a training."""
        return self.frozen_from(steps_per_epoch) + self.frozen_epochs * steps_per_epoch

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate: linear warm-up and half a cosine in each of the two phases.

        The first phase ends at the rate the second starts with; the second ends at 0.
        """
        first = self.frozen_from(steps_per_epoch)
        if step < first:
            low, high = self.frozen_learning_rate, self.learning_rate
            warm = min(1.0, (step + 1) / self.warm_up_steps)
            return warm * (low + (high - low) * _cosine(step / first))
        return self.frozen_learning_rate * _cosine((step - first) / (self.frozen_epochs * steps_per_epoch))


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Let a command line choose the length of the three phases."""
    for name in ("largest_epochs", "epochs", "frozen_epochs"):
        default = getattr(Recipe, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=_epochs, default=default, help=f"default {default}")


def _epochs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 10_000):
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 10000")
    return int(text)


def recipe_from(arguments: argparse.Namespace) -> Recipe:
    """The recipe that a command line asks for."""
    return Recipe(
        largest_epochs=arguments.largest_epochs, epochs=arguments.epochs, frozen_epochs=arguments.frozen_epochs
    )


def _cosine(fraction: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, fraction)))
