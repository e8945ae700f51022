"""CIFAR-10's and CIFAR-100's own binary archives: records of label bytes and 3 x 32 x 32 pixels.

Layout: https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky 2009), "Binary version". Of CIFAR-100's two labels the
fine one is taken. The Python version is a pickle, which can run whatever its author wrote, and is refused.
"""

from __future__ import annotations

import re

import numpy as np

from search.datasets.faults import Faults
from search.datasets.names import Parts
from search.datasets.pixels import ImageFit, Pixels, fit_pixels

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_TEN = re.compile(r"^(data_batch_\d+|test_batch)\.bin$")
_HUNDRED = re.compile(r"^(train|test)\.bin$")
_NAMES = {"batches.meta.txt": 1, "fine_label_names.txt": 2}
"""Files with the names of the classes; label bytes of a record, of which the last is the class."""
_PICKLES = frozenset({"batches.meta", "data_batch_1", "test_batch"})
Labelled = dict[str, list[tuple[str, Pixels]]]


def is_part(parts: Parts) -> bool:
    """Whether a file belongs to a binary archive."""
    name = parts[-1]
    return name in _NAMES or bool(_TEN.match(name) or _HUNDRED.match(name))


def is_pickle(parts: Parts) -> bool:
    """Whether a file belongs to CIFAR's Python version."""
    in_hundred = len(parts) >= 2 and parts[-2] == "cifar-100-python" and parts[-1] in {"meta", "train", "test"}
    return parts[-1] in _PICKLES or in_hundred


PICKLE_FAULT = (
    "is CIFAR's Python version, a pickle, which can run programs and is not read. Take the binary version from the same"
    " page, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz"
)


def read_records(files: dict[Parts, bytes], fit: ImageFit, faults: Faults) -> Labelled:
    """Class and pixels of each image by split, batches in the order of their names.

    What is wrong is added to `faults`.
    """
    named = [parts for parts in files if parts[-1] in _NAMES]
    batches = sorted(parts for parts in files if parts[-1] not in _NAMES)
    if len(named) != 1 or not batches:
        faults.add(
            "holds parts of a CIFAR archive: batches.meta.txt with data_batch_*.bin and test_batch.bin, or"
            " fine_label_names.txt with train.bin and test.bin, must be there once"
        )
        return {}
    classes = [line.strip() for line in files[named[0]].decode("utf-8", "replace").splitlines() if line.strip()]
    if len(set(classes)) != len(classes):
        faults.add("names a class twice", named[0])
        return {}
    splits: Labelled = {}
    for parts in batches:
        split = "test" if parts[-1].startswith("test") else "train"
        splits.setdefault(split, []).extend(_records(parts, files[parts], _NAMES[named[0][-1]], classes, fit, faults))
    return splits


def _records(
    parts: Parts, content: bytes, label_bytes: int, classes: list[str], fit: ImageFit, faults: Faults
) -> list[tuple[str, Pixels]]:
    size = label_bytes + _PIXELS
    if not content or len(content) % size:
        faults.add(f"has {len(content):,} bytes, which is no whole number of records of {size}: is it complete?", parts)
        return []
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    labels = records[:, label_bytes - 1]
    if labels.max() >= len(classes):
        faults.add(f"has the label {labels.max()}, but only {len(classes)} classes have names", parts)
        return []
    images = records[:, label_bytes:].reshape(-1, *_SHAPE)
    return [(classes[label], fit_pixels(image, fit)) for label, image in zip(labels.tolist(), images, strict=True)]
