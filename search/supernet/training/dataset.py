"""Labelled images in memory: read once from an archive with one folder per class, cut into training and validation.

Read by the training loop and by `evaluate`; the archive's layout is `<split>/<class>/<name>.jpg` with the splits
`train` and `test`.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from search.errors import DatasetError
from search.space.base import Space

SPLITS = ("train", "test")
_Rows = list[tuple[str, npt.NDArray[np.uint8]]]
"""Class name and pixels `(channels, size, size)` of each image of a split."""


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


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images with the names of the classes in order; `source` is where they are from."""

    source: str
    classes: tuple[str, ...]
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


def read_dataset(archive: Path, *, held_out: int, seed: int) -> Dataset:
    """Read an image archive and hold `held_out` training images out for validation, drawn with `seed`.

    Raises:
        DatasetError: the archive is not there, damaged, or lacks a split, classes or enough images.
    """
    splits = _read_archive(archive)
    classes = _classes(archive, splits)
    sizes = {pixels.shape for rows in splits.values() for _, pixels in rows}
    if len(sizes) != 1:
        raise DatasetError(str(archive), f"holds images of different sizes: {sorted(sizes)[:5]}")
    train, test = (_stack(splits[split], classes) for split in SPLITS)
    if not 0 < held_out < len(train):
        raise DatasetError(str(archive), f"cannot hold {held_out} of {len(train)} training images out for validation")
    order = np.random.default_rng(seed).permutation(len(train))
    return Dataset(str(archive), classes, train.take(order[held_out:]), train.take(order[:held_out]), test)


def check_fits(dataset: Dataset, space: Space, batch: int) -> None:
    """Check that a space can be trained on a dataset in batches of `batch` images.

    Raises:
        DatasetError: images of another shape, another number of classes, or less than one batch.
    """
    shape = dataset.train.images.shape[1:]
    if shape != space.input_shape:
        raise DatasetError(dataset.source, f"has images of shape {shape}, {space.name} needs {space.input_shape}")
    if len(dataset.classes) != space.classes:
        raise DatasetError(dataset.source, f"has {len(dataset.classes)} classes, {space.name} needs {space.classes}")
    if len(dataset.train) < batch:
        raise DatasetError(dataset.source, f"leaves {len(dataset.train)} training images, one batch needs {batch}")


def _read_archive(archive: Path) -> dict[str, _Rows]:
    splits: dict[str, _Rows] = {split: [] for split in SPLITS}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = Path(member.name).parts
                content = tar.extractfile(member) if member.isfile() and len(parts) >= 3 else None
                if content is not None and parts[-3] in splits:
                    splits[parts[-3]].append((parts[-2], _pixels(archive, member.name, content.read())))
    except (OSError, EOFError, lzma.LZMAError, zlib.error, tarfile.TarError) as error:
        raise DatasetError(str(archive), f"cannot be read: {error}") from error
    return splits


def _pixels(archive: Path, name: str, content: bytes) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's decoders raise
        raise DatasetError(str(archive), f"{name[:120]} is no image that can be read: {error}") from error


def _classes(archive: Path, splits: dict[str, _Rows]) -> tuple[str, ...]:
    train, test = ({name for name, _ in splits[split]} for split in SPLITS)
    if len(train) < 2 or not test:
        raise DatasetError(str(archive), "needs the folders train/<class>/ and test/<class>/ with two classes or more")
    if train != test:
        raise DatasetError(str(archive), f"has classes in one split only: {', '.join(sorted(train ^ test)[:5])}")
    return tuple(sorted(train))


def _stack(rows: _Rows, classes: tuple[str, ...]) -> LabelledImages:
    labels = np.array([classes.index(name) for name, _ in rows], dtype=np.int64)
    return LabelledImages(np.stack([pixels for _, pixels in rows]), labels)
