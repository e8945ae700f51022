"""read_dataset: labelled images from a folder or an archive, checked, and cut into training, validation and test.

Called by `lutnas train`, by the service for `verify`, and by benchmarks. Every fault is found before a training starts.
"""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search.datasets import cifar
from search.datasets.faults import Faults
from search.datasets.forward import ArchiveLimitError
from search.datasets.labelled import Dataset, Draw, LabelledImages
from search.datasets.layout import Row, check_classes, has_split, sort_rows
from search.datasets.names import Parts, is_image, shown
from search.datasets.pixels import ImageFaultError, ImageFit, Pixels, decode
from search.datasets.sources import Entry, entries
from search.errors import DatasetError

Progress = Callable[[float], None]
"""Called with the fraction that has been read."""
_DAMAGED = (
    EOFError,
    RuntimeError,
    ValueError,
    NotImplementedError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What damaged archives raise; OSError, which gzip and bz2 raise too, stands beside."""
_EVERY = 200
_DRAWN = ("validation", "test")
_Splits = dict[str, list[tuple[str, Pixels]]]


def read_dataset(
    path: Path, *, held_out: float, seed: int, fit: ImageFit | None = None, on_progress: Progress | None = None
) -> Dataset:
    """Read a folder, a tar archive (plain, gz, bz2, xz), a zip archive or a binary CIFAR archive.

    A dataset without a validation folder, or without a test folder, has these images drawn from its training images
    with `seed`: `held_out` of them for each part, or this share of them where it is below 1.

    Raises:
        DatasetError: it is not there, damaged, or does not serve; with everything that is wrong with it.
    """
    faults = Faults(str(path))
    fit = fit or ImageFit()
    if fit.channels not in {1, 3}:
        raise faults.fatal(f"images have 1 or 3 channels, and {fit.channels} are asked for")
    contents = _Contents(fit, faults)
    try:
        for number, entry in enumerate(entries(path, fit.limits, faults)):
            contents.take(entry)
            if on_progress is not None and number % _EVERY == 0:
                on_progress(entry.fraction)
    except ArchiveLimitError as error:
        raise faults.fatal(f"{error}: it was not read further") from error
    except OSError as error:
        place = "" if error.filename in {None, str(path)} else f" ({shown(str(error.filename))})"
        raise faults.fatal(f"cannot be read: {error.strerror or error}{place}") from error
    except _DAMAGED as error:
        raise faults.fatal(f"cannot be read, it is damaged or incomplete: {error}") from error
    splits = contents.splits()
    faults.check()
    dataset = _dataset(splits, held_out, seed, (str(path), fit.resize))
    if on_progress is not None:
        on_progress(1.0)
    return dataset


class _Contents:
    """What was found so far: images, folders, the files of a CIFAR archive, and others."""

    def __init__(self, fit: ImageFit, faults: Faults) -> None:
        self._fit, self._faults = fit, faults
        self._rows: list[Row] = []
        self._folders: list[Parts] = []
        self._unknown: list[Parts] = []
        self._cifar: dict[Parts, bytes] = {}
        self._seen: set[Parts] = set()
        self._with_splits = False
        self._decoded_bytes = 0

    def take(self, entry: Entry) -> None:
        """Read one file, or note a folder."""
        if entry.read is None:
            self._folders.append(entry.parts)
            return
        if entry.parts in self._seen:
            self._faults.add("comes twice", entry.parts)
            return
        self._seen.add(entry.parts)
        if is_image(entry.parts[-1]):
            self._take_image(entry.parts, entry.read)
        elif cifar.is_part(entry.parts):
            self._cifar[entry.parts] = entry.read()
            self._count_bytes(len(self._cifar[entry.parts]))
        elif cifar.is_pickle(entry.parts):
            raise self._faults.fatal(f"{shown(entry.parts)} {cifar.PICKLE_FAULT}")
        else:
            self._unknown.append(entry.parts)

    def _take_image(self, parts: Parts, read: Callable[[], bytes]) -> None:
        self._with_splits |= has_split(parts)
        content = read()
        if self._with_splits and not has_split(parts):
            # Beside the splits: whether that is a fault depends on where, not on what it holds.
            self._rows.append(Row(parts, None))
            return
        try:
            pixels = decode(content, self._fit)
        except ImageFaultError as error:
            self._rows.append(Row(parts, None, str(error)))
            return
        self._count_bytes(pixels.nbytes)
        self._rows.append(Row(parts, pixels))

    def _count_bytes(self, size: int) -> None:
        self._decoded_bytes += size
        if self._decoded_bytes > self._fit.limits.decoded_bytes:
            room = self._fit.limits.decoded_bytes
            raise self._faults.fatal(f"its images take more than {room:,} bytes of memory: resize them (--resize)")

    def splits(self) -> _Splits:
        """Class and pixels of each image by split; what is wrong with them is added to the faults."""
        if self._cifar and not self._rows:
            splits = cifar.read_records(self._cifar, self._fit, self._faults)
            if splits:
                check_classes(splits, self._faults)
        else:
            splits = sort_rows(self._rows, self._folders, self._unknown, self._faults)
        most = self._fit.limits.classes
        if len({name for rows in splits.values() for name, _ in rows}) > most:
            self._faults.add(f"has more than {most:,} classes")
        _check_shapes([pixels for rows in splits.values() for _, pixels in rows], self._fit, self._faults)
        return splits


def _check_shapes(images: list[Pixels], fit: ImageFit, faults: Faults) -> None:
    sizes = Counter(pixels.shape for pixels in images)
    if not sizes or set(sizes) == {fit.shape}:
        return
    if len(sizes) > 1:
        listed = ", ".join(f"{h} x {w} ({count})" for (_, h, w), count in sizes.most_common(5))
        reason = f"holds images of different sizes (height x width: {listed})"
    elif fit.shape is not None:
        _, height, width = next(iter(sizes))
        reason = f"its images are {height} x {width}, and {fit.shape[1]} x {fit.shape[2]} are needed"
    else:
        return
    faults.add(f"{reason}. With --resize each is scaled and cut around its centre")


def _dataset(splits: _Splits, held_out: float, seed: int, origin: tuple[str, bool]) -> Dataset:
    source, resized = origin
    classes = tuple(sorted({name for name, _ in splits["train"]}))
    drawn = tuple(part for part in _DRAWN if part not in splits)
    train = splits["train"]
    count = _count(source, held_out, len(train), len(drawn)) if drawn else 0
    order = np.random.default_rng(seed).permutation(len(train)) if drawn else np.arange(len(train))
    parts = {part: _stack(splits[part], classes) for part in _DRAWN if part in splits}
    for place, part in enumerate(drawn):
        parts[part] = _stack(train, classes, order[place * count : (place + 1) * count])
    kept = _stack(train, classes, order[len(drawn) * count :])
    return Dataset(source, classes, kept, parts["validation"], parts["test"], Draw(count, seed, drawn, resized))


def _count(source: str, held_out: float, images: int, parts: int) -> int:
    """Images of each part that is drawn."""
    count = round(held_out * images) if 0 < held_out < 1 else int(held_out) if 1 <= held_out <= images else 0
    if count <= 0 or count * parts >= images:
        words = "validation" if parts == 1 else f"each of {' and '.join(_DRAWN)}"
        raise DatasetError(source, f"cannot hold {held_out:.15g} of {images} training images out for {words}")
    return count


def _stack(
    rows: list[tuple[str, Pixels]], classes: tuple[str, ...], order: npt.NDArray[np.int64] | None = None
) -> LabelledImages:
    numbers = {name: number for number, name in enumerate(classes)}
    chosen = rows if order is None else [rows[row] for row in order.tolist()]
    labels = np.array([numbers[name] for name, _ in chosen], dtype=np.int64)
    return LabelledImages(np.stack([pixels for _, pixels in chosen]), labels)
