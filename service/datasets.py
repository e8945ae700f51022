"""DatasetShelf: the validation images of a space's supernet, from the datasets in `LUTNAS_DATASETS`.

Asked by searches with `verify`, in their own process. Images are read when they are first needed and kept decoded in
the data folder: a dataset is read in minutes, the kept images in a moment.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latency_tables import replace_file
from search import Dataset, DatasetError, ImageFit, LabelledImages, Space, read_dataset
from service.errors import DatasetMissingError, NoDatasetError
from service.settings import DATASET_NAME

_LOG = logging.getLogger("lutnas.datasets")
_ENDINGS = (".tar.xz", ".tar.gz", ".tar.bz2", ".tgz", ".txz", ".tar", ".zip")
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
_FORMAT = "lutnas-images/1"
Card = Mapping[str, Any]


class DatasetShelf:
    """Datasets by name, with what was read of them."""

    def __init__(self, datasets: Mapping[str, Path], kept_in: Path) -> None:
        self._datasets = dict(datasets)
        self._kept_in = kept_in

    def path(self, space: Space, card: Card) -> Path | None:
        """The dataset for a space: the one of its name, or of the name of what its supernet was trained on."""
        names = (space.name, _trained_on(card))
        return next((self._datasets[name] for name in names if name in self._datasets), None)

    def check(self, space: Space, card: Card) -> Path:
        """The dataset for a space, before anything is read of it.

        Raises:
            NoDatasetError: none is configured for the space.
            DatasetMissingError: nothing is at its path.
        """
        path = self._configured(space, card)
        # Path.exists raises for some paths that cannot be.
        if not os.path.exists(path):
            raise DatasetMissingError(space.name, path)
        return path

    def doubts(self, spaces: Iterable[str], cards: Iterable[Card]) -> list[str]:
        """What is wrong with the setting, in words: paths without anything, names that no search will look up."""
        fitting = sorted({*spaces, *filter(DATASET_NAME.match, map(_trained_on, cards))})
        gone = [
            f"LUTNAS_DATASETS: nothing is at {path}, the path of {name}: searches that would verify on it are refused."
            " Put the dataset there, or correct the path and start again."
            for name, path in sorted(self._datasets.items())
            if not os.path.exists(path)
        ]
        unused = [
            f"LUTNAS_DATASETS: {name} is the name of no space, nor of a dataset that a supernet here was trained on:"
            f" no search will use it. Names that fit now: {', '.join(fitting)}."
            for name in sorted(self._datasets.keys() - set(fitting))
        ]
        return gone + unused

    def _configured(self, space: Space, card: Card) -> Path:
        path = self.path(space, card)
        if path is None:
            trained_on = _trained_on(card)
            # The setting takes no blanks, for example: such a dataset goes by the name of the space.
            example = trained_on if DATASET_NAME.match(trained_on) else space.name
            raise NoDatasetError(space.name, example, sorted(self._datasets))
        return path

    def validation(
        self, space: Space, card: Card, on_progress: Callable[[float], None] | None = None
    ) -> LabelledImages:
        """The very images that the supernet was evaluated on, held out from its training.

        Raises:
            NoDatasetError: none is configured for the space.
            DatasetError: it cannot be read, or is not the one that the supernet was trained on.
        """
        path = self._configured(space, card)
        draw = _Draw(space, card)
        key = draw.key(path)
        images = self._kept(key)
        if images is None:
            images = draw.read(path, on_progress)
            self._keep(key, images)
        return images

    def _kept(self, key: str) -> LabelledImages | None:
        for path in self._kept_in.glob(f"{key}-*.npz"):
            try:
                with np.load(io.BytesIO(path.read_bytes())) as arrays:
                    images = LabelledImages(arrays["images"], arrays["labels"])
            except _UNREADABLE:
                continue
            if path.stem == f"{key}-{images.sha256}":
                return images
        return None

    def _keep(self, key: str, images: LabelledImages) -> None:
        content = io.BytesIO()
        np.savez(content, images=images.images, labels=images.labels)
        try:
            self._kept_in.mkdir(parents=True, exist_ok=True)
            replace_file(self._kept_in / f"{key}-{images.sha256}.npz", content.getvalue())
        except OSError as error:
            # They are read again next time: slower, not wrong.
            _LOG.warning("validation images cannot be kept in %s: %s", self._kept_in, error)


class _Draw:
    """How a supernet's validation images were drawn, from its card."""

    def __init__(self, space: Space, card: Card) -> None:
        recipe = card.get("recipe")
        known = {**(recipe if isinstance(recipe, Mapping) else {}), **_data(card)}
        self._held_out, self._seed, self._resized = known.get("held_out"), known.get("seed"), known.get("resized")
        self._sha256 = known.get("validation_sha256")
        self._counts = {part: known.get(f"{part}_images") for part in ("validation", "training")}
        self._classes = tuple(card["classes"])
        self._space = space

    def key(self, path: Path) -> str:
        """Fingerprint of what the images depend on; a dataset that was changed has another."""
        parts = [_FORMAT, str(path.resolve()), _stamp(path), self._space.input_shape, self._classes]
        expected = self._sha256, *self._counts.values()
        text = json.dumps([*parts, self._held_out, self._seed, self._resized, expected], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def read(self, path: Path, on_progress: Callable[[float], None] | None) -> LabelledImages:
        """Read the dataset and check it against the card.

        Raises:
            DatasetError: it cannot be read or is another one, or the card does not say how to draw.
        """
        if not isinstance(self._held_out, int | float) or not isinstance(self._seed, int):
            raise DatasetError(str(path), "the supernet's card does not say which images were held out: train it again")
        fit = ImageFit(self._space.input_shape, bool(self._resized))
        dataset = read_dataset(path, held_out=self._held_out, seed=self._seed, fit=fit, on_progress=on_progress)
        self._check(dataset)
        return dataset.validation

    def _check(self, dataset: Dataset) -> None:
        faults = []
        if dataset.classes != self._classes:
            differing = sorted(set(dataset.classes) ^ set(self._classes))[:5]
            faults.append(f"its classes are not those of the supernet ({', '.join(differing) or 'another order'})")
        images = {"validation": len(dataset.validation), "training": len(dataset.train)}
        for part, count in self._counts.items():
            if count is not None and images[part] != count:
                faults.append(f"gives {images[part]} {part} images, the supernet had {count}")
        if self._sha256 is not None and dataset.validation.sha256 != self._sha256 and not faults:
            faults.append("gives other validation images than those that the supernet was evaluated on")
        if faults:
            raise DatasetError(dataset.source, [*faults, "name the dataset that the supernet was trained on"])


def _data(card: Card) -> Mapping[str, Any]:
    data = card.get("data")
    return data if isinstance(data, Mapping) else {}


def _trained_on(card: Card) -> str:
    return _stem(str(_data(card).get("archive", "")))


def _stem(name: str) -> str:
    ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def _stamp(path: Path) -> str:
    """Changes when a file of the dataset does; empty where it cannot be told."""
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        stats = [(str(file), stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
    except OSError:
        return ""
    return hashlib.sha256(json.dumps(stats).encode("utf-8", "surrogateescape")).hexdigest()
