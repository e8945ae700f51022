"""Names of files in a dataset: which are images, which belong to the system, and how to show those of strangers."""

from __future__ import annotations

import re
import unicodedata

Parts = tuple[str, ...]
"""A path inside a dataset, folder by folder."""
SPLITS = ("train", "validation", "test")
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_IMAGES = frozenset({"bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "ppm", "tif", "tiff", "webp"})
_OF_SYSTEMS = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})
_DRIVE = re.compile(r"^[A-Za-z]:")
_LONGEST_SHOWN = 120


def split_of(folder: str) -> str | None:
    """The split that a folder's name stands for, None for any other name."""
    return _SPLIT_FOLDERS.get(folder.lower())


def is_image(name: str) -> bool:
    """Whether a file's name ends like an image's, in whatever case."""
    return "." in name and name.lower().rpartition(".")[2] in _IMAGES


def is_ignored(parts: Parts) -> bool:
    """Whether a path is hidden, or is what file managers leave behind."""
    return any(part.startswith(".") or part.lower() in _OF_SYSTEMS for part in parts)


def to_parts(name: str) -> Parts:
    """The folders and the file of a path with slashes; names in composed form, so that two spellings are one.

    Raises:
        ValueError: it leads out of the archive, or is no text.
    """
    if name.startswith("/") or _DRIVE.match(name):
        raise ValueError("has an absolute path, which leads out of the archive")
    parts = tuple(unicodedata.normalize("NFC", part) for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise ValueError("has a path with '..', which leads out of the archive")
    if any("\ud800" <= sign <= "\udfff" for part in parts for sign in part):
        raise ValueError("has a name that is not UTF-8")
    return parts


def shown(name: str | Parts) -> str:
    """A stranger's name for a message: nothing that steers a terminal, not too long."""
    text = name if isinstance(name, str) else "/".join(name)
    clean = "".join(sign if sign.isprintable() else "?" for sign in text)
    return clean if len(clean) <= _LONGEST_SHOWN else f"...{clean[-_LONGEST_SHOWN:]}"
