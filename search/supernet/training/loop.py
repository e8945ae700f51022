"""The training loop: the largest network and random ones in every step, checkpoints, exact resume.

Every random choice is drawn from a generator made of (seed, purpose, step), so that a resumed training takes the
same steps as an uninterrupted one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from search.datasets.labelled import Dataset, LabelledImages, check_fits
from search.space.architecture import Architecture
from search.space.chain import ChainSpace
from search.space.sampling import spread_genomes
from search.supernet.training.checkpoint import check_recipe, read_checkpoint, write_checkpoint
from search.supernet.training.recipe import Recipe
from search.supernet.training.statistics import measure_statistics
from search.supernet.training.supernet import Supernet

_PATHS, _IMAGES, _SHUFFLE, _CALIBRATION, _MIRROR = range(5)
_PADDING = 4
Pixels = npt.NDArray[np.uint8]
"""Images, `(n, c, s, s)`."""


@dataclass(frozen=True)
class StepReport:
    """Where a training stands; `loss` and `accuracy` are the largest network's in the last step."""

    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    frozen: bool
    seconds_left: float


class Training:
    """One supernet training in a folder: `run` goes on where the folder's checkpoint stands.

    Raises:
        DatasetError: the images do not suit the space, or are less than one batch.
        CheckpointError: the folder's checkpoint is damaged, of another space or of another recipe.
    """

    def __init__(
        self, space: ChainSpace, dataset: Dataset, recipe: Recipe, folder: Path, start: Path | None = None
    ) -> None:
        self.space, self.dataset, self.recipe = space, dataset, recipe
        self.checkpoint = folder / "checkpoint.safetensors"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        check_fits(dataset, space, recipe.batch)
        with torch.random.fork_rng(devices=[]):  # PyTorch draws first weights from global state
            torch.manual_seed(recipe.seed)
            self.supernet = Supernet(space).to(self.device)
        self.supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.optimizer = _optimizer(self.supernet, recipe)
        self.images = len(dataset.train)
        self.steps = recipe.steps(self.images)
        self.freeze_step = recipe.freeze_step(self.images)
        self.step = 0
        if self.checkpoint.exists():
            progress = read_checkpoint(self.checkpoint, self.supernet, self.optimizer)
            check_recipe(self.checkpoint, progress, recipe)
            self.step = int(progress["step"])
            self.supernet.frozen_statistics = self.step > self.freeze_step
        elif start is not None:
            read_checkpoint(start, self.supernet, None)

    def run(
        self, on_report: Callable[[StepReport], None], *, checkpoint_s: float = 120.0, report_s: float = 5.0
    ) -> None:
        """Train to the end; report every 50 steps and `report_s` seconds, write a checkpoint every `checkpoint_s`.

        What `on_report` raises ends the training, with a checkpoint.
        """
        written = reported = time.monotonic()
        first = self.step
        self.supernet.train()
        while self.step < self.steps:
            if self.step == self.freeze_step:
                self._save(suffix=".before-freeze")
                self._freeze()
            loss, accuracy = self.train_step()
            self.step += 1
            now = time.monotonic()
            if self.step % 50 == 0 or now - reported >= report_s:
                self._report(on_report, (loss, accuracy), (now - reported) / (self.step - first))
                reported, first = now, self.step
            if now - written > checkpoint_s:
                self._save()
                written = now
        self._save()

    def _report(self, on_report: Callable[[StepReport], None], outcome: tuple[float, float], step_s: float) -> None:
        """Tell of the last step, whose kind takes `step_s` seconds."""
        speed, left = self.recipe.batch / step_s, self._work_left() * step_s / self._work(self.step - 1)
        frozen = self.supernet.frozen_statistics
        try:
            on_report(StepReport(self.step, self.steps, *outcome, speed, frozen, left))
        except BaseException:
            self._save()
            raise

    def _work(self, step: int) -> int:
        """Pixels of a step over all its networks: its time, roughly, in an unknown unit."""
        networks = 1 + self.recipe.paths(step, self.images)
        return networks * self.recipe.image_size(step, self.images, self.space.input_shape[1]) ** 2

    def _work_left(self) -> int:
        """Work of the steps to come, by the stretches in which all steps are alike: there may be a million of them."""
        shares = (self.recipe.largest_share, self.recipe.small_until)
        changes = {min(max(round(share * self.steps), self.step), self.steps) for share in shares}
        borders = sorted(changes | {self.step, self.steps})
        return sum((end - start) * self._work(start) for start, end in itertools.pairwise(borders))

    def _save(self, suffix: str = "") -> None:
        path = self.checkpoint.with_name(f"checkpoint{suffix}.safetensors")
        progress = {"step": self.step, "space": self.space.sha256, "recipe": asdict(self.recipe)}
        write_checkpoint(path, self.supernet, self.optimizer, progress)

    def train_step(self) -> tuple[float, float]:
        """One update; returns loss and accuracy of the largest network."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step, self.images)
        images, labels = self._batch(self.step)
        paths = self._random_paths(self.step)
        share = 1.0 / (1 + len(paths))
        self.optimizer.zero_grad(set_to_none=True)
        logits = self._logits(images, largest(self.space))
        loss = self._against_labels(logits, labels)
        (share * loss).backward()  # type: ignore[no-untyped-call]
        teacher = logits.detach().softmax(1)
        for path in paths:
            answers = self._logits(images, path)
            soft, hard = F.cross_entropy(answers, teacher), self._against_labels(answers, labels)
            mixed = self.recipe.soft_share * soft + (1.0 - self.recipe.soft_share) * hard
            (share * mixed).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.supernet.parameters(), self.recipe.gradient_norm)
        self.optimizer.step()
        return loss.item(), (logits.argmax(1) == labels).float().mean().item()

    def _against_labels(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)

    def _logits(self, images: Tensor, path: Architecture) -> Tensor:
        half = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            logits: Tensor = self.supernet(images, path)
        return logits.float()

    def _random_paths(self, step: int) -> list[Architecture]:
        rng = np.random.default_rng([self.recipe.seed, _PATHS, step])
        genomes = spread_genomes(self.space, self.recipe.paths(step, self.images), rng)
        return [self.space.architecture(genome) for genome in genomes]

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Augmented training images of a step, of the size that the recipe gives it, and their labels."""
        epoch, place = divmod(step, self.images // self.recipe.batch)
        order = np.random.default_rng([self.recipe.seed, _SHUFFLE, epoch]).permutation(self.images)
        rows = order[place * self.recipe.batch : (place + 1) * self.recipe.batch]
        rng = np.random.default_rng([self.recipe.seed, _IMAGES, step])
        # Every image is mirrored in every second epoch: two epochs show both sides of each (Jordan 2024).
        first_side = np.random.default_rng([self.recipe.seed, _MIRROR]).integers(0, 2, self.images)
        mirrored = (first_side[rows] + epoch) % 2 == 1
        batch = self.dataset.train.take(rows)
        images = to_input(torch.from_numpy(augment(batch.images, mirrored, rng)).to(self.device))
        size = self.recipe.image_size(step, self.images, images.shape[-1])
        if size != images.shape[-1]:
            images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
            images = images.contiguous(memory_format=torch.channels_last)
        return images, torch.from_numpy(batch.labels).to(self.device)

    def _freeze(self) -> None:
        """Average every choice's statistics over random paths on training images, then freeze them."""
        runs = (self._calibration(number) for number in range(self.recipe.calibration_batches))
        measure_statistics(self.supernet, runs)
        self.supernet.frozen_statistics = True

    def _calibration(self, number: int) -> tuple[Tensor, Architecture]:
        """Images as the frozen phase shows them, and a random path."""
        rng = np.random.default_rng([self.recipe.seed, _CALIBRATION, number])
        images, _ = self._batch(int(rng.integers(self.freeze_step, self.steps)))
        return images, self.space.architecture(spread_genomes(self.space, 1, rng)[0])


def largest(space: ChainSpace) -> Architecture:
    """The architecture with the most macs in every layer."""
    return space.architecture(tuple(int(np.argmax([block.macs for block in blocks])) for blocks in space.layers))


def smallest(space: ChainSpace) -> Architecture:
    """The architecture with the fewest macs in every layer."""
    return space.architecture(tuple(int(np.argmin([block.macs for block in blocks])) for blocks in space.layers))


def to_input(images: Tensor) -> Tensor:
    """uint8 images `(n, c, h, w)` as the network's input: float32 in [0, 1], channels last in memory."""
    return images.to(memory_format=torch.channels_last).float().div_(255.0)


def augment(images: Pixels, mirrored: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Random shift by up to 4 pixels (zero padding), and mirroring where said `(n,)`; `(n, c, s, s)` to the same."""
    n, (channels, size, _) = len(images), images.shape[1:]
    padded = np.pad(images, ((0, 0), (0, 0), (_PADDING, _PADDING), (_PADDING, _PADDING)))
    down, right = rng.integers(0, 2 * _PADDING + 1, size=(2, n))
    columns = np.arange(size)
    columns = np.where(mirrored[:, None], columns[::-1], columns) + right[:, None]
    rows = np.arange(size) + down[:, None]
    picked = padded[
        np.arange(n)[:, None, None, None],
        np.arange(channels)[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    return np.ascontiguousarray(picked)


def batches(images: LabelledImages, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Consecutive batches as network inputs and labels."""
    for start in range(0, len(images), size):
        rows = slice(start, start + size)
        yield to_input(torch.from_numpy(images.images[rows])), torch.from_numpy(images.labels[rows])


def _optimizer(supernet: Supernet, recipe: Recipe) -> optim.AdamW:
    weights = [parameter for parameter in supernet.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in supernet.parameters() if parameter.ndim == 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return optim.AdamW(groups, lr=recipe.learning_rate)
