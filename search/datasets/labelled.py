"""Labelled images in memory, and a dataset's three parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.errors import DatasetError
from search.space.base import Space


@dataclass(frozen=True)
class LabelledImages:
    """Images `(n, channels, size, size)` in uint8 and class numbers `(n,)` in int64."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> LabelledImages:
        """The images of these rows."""
        return LabelledImages(self.images[rows], self.labels[rows])

    @property
    def sha256(self) -> str:
        """Fingerprint of shape, pixels and labels in their order."""
        found = hashlib.sha256(repr(self.images.shape).encode())
        found.update(np.ascontiguousarray(self.images).data)
        found.update(self.labels.astype("<i8").tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Draw:
    """How images were drawn from the training folder for the parts that a dataset lacks.

    Attributes:
        held_out: images for each of `parts`.
        parts: "validation" or "test", those that the dataset has no folder for.
        resized: whether images were scaled and cut.
    """

    held_out: int
    seed: int
    parts: tuple[str, ...]
    resized: bool


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images with the names of the classes in order; `source` is where they are from."""

    source: str
    classes: tuple[str, ...]
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    draw: Draw | None = None


def dataset_card(dataset: Dataset) -> dict[str, Any]:
    """What an artefact's card keeps of a dataset (`data`), so that the same images can be found again."""
    draw = dataset.draw
    drawn = {} if draw is None else {"held_out": draw.held_out, "seed": draw.seed, "resized": draw.resized}
    return {
        "archive": Path(dataset.source).name,
        "training_images": len(dataset.train),
        "validation_images": len(dataset.validation),
        "test_images": len(dataset.test),
        **drawn,
        "validation_sha256": dataset.validation.sha256,
    }


def check_fits(dataset: Dataset, space: Space, batch: int) -> None:
    """Check that a space can be trained on a dataset in batches of `batch` images.

    Raises:
        DatasetError: images of another shape, another number of classes, or less than one batch; all of these at once.
    """
    faults = []
    shape = tuple(dataset.train.images.shape[1:])
    if shape != space.input_shape:
        faults.append(f"has images of shape {shape}, {space.name} needs {space.input_shape}")
    if len(dataset.classes) != space.classes:
        count = len(dataset.classes)
        mend = f'train a copy of its file under another name with "classes": {count}'
        faults.append(f"has {count} classes, {space.name} needs {space.classes}: {mend}")
    if len(dataset.train) < batch:
        faults.append(f"leaves {len(dataset.train)} training images, one batch needs {batch}")
    if faults:
        raise DatasetError(dataset.source, faults)
