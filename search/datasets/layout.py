"""Which split and class an image belongs to, from where it lies: `.../[<split>/]<class>/<image>`.

The folder of an image is its class. The folder above is its split where it has the name of one; else the dataset has
no splits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.datasets.faults import Faults
from search.datasets.names import SPLITS, Parts, shown, split_of
from search.datasets.pixels import Pixels

_FOLDERS = "the folders train/<class>/ and test/<class>/ (validation/<class>/ may be there), or one folder per class"


@dataclass(frozen=True)
class Row:
    """One image: where it lies, and its pixels, or why it has none."""

    parts: Parts
    pixels: Pixels | None
    fault: str | None = None


def has_split(parts: Parts) -> bool:
    """Whether an image lies in a class folder of a split folder."""
    return len(parts) >= 3 and split_of(parts[-3]) is not None


def sort_rows(
    rows: list[Row], folders: Iterable[Parts], unknown: list[Parts], faults: Faults
) -> dict[str, list[tuple[str, Pixels]]]:
    """Class and pixels of each image by split ("train" where a dataset has none), in the order given.

    Everything wrong with the layout is added to `faults`; `unknown` are files that are no images, to be named.
    """
    with_splits = any(has_split(row.parts) for row in rows)
    placed = _placed(rows, with_splits, faults)
    if not placed:
        faults.add(f"holds no images: it needs {_FOLDERS}{_named(unknown)}")
        return {}
    _check_roots(placed, with_splits, faults)
    splits: dict[str, list[tuple[str, Pixels]]] = {}
    for row in placed:
        if row.fault is not None:
            faults.add(row.fault, row.parts)
        split = (split_of(row.parts[-3]) if with_splits else None) or "train"
        if row.pixels is not None:
            splits.setdefault(split, []).append((row.parts[-2], row.pixels))
    _check_folders(placed, folders, with_splits, faults)
    if all(row.fault is None for row in placed):
        # Where images are missing because they are damaged, classes seem to be missing, too.
        check_classes(splits, faults)
    return splits


def _named(unknown: list[Parts]) -> str:
    listed = ", ".join(shown(parts) for parts in unknown[:3])
    return f"; {len(unknown)} files that are no images were found, such as {listed}" if unknown else ""


def _placed(rows: list[Row], with_splits: bool, faults: Faults) -> list[Row]:
    """The images that lie in a class folder; of the others, those that ought to become faults."""
    placed = []
    for row in rows:
        if has_split(row.parts) if with_splits else len(row.parts) >= 2:
            placed.append(row)
        elif not with_splits:
            faults.add("lies in no folder of a class", row.parts)
        elif any(split_of(part) for part in row.parts[:-1]):
            faults.add("must lie in <split>/<class>/, no deeper and no higher", row.parts)
    if placed and not with_splits and all(split_of(row.parts[-2]) for row in placed):
        faults.add(f"has images in its split folders, not in folders of classes: it needs {_FOLDERS}")
    return placed


def _check_roots(placed: list[Row], with_splits: bool, faults: Faults) -> None:
    """All class folders must lie beside each other, and each split must have one folder."""
    depth = 3 if with_splits else 2
    first = placed[0].parts[:-depth]
    other = next((row.parts for row in placed if row.parts[:-depth] != first), None)
    if other is not None:
        faults.add(f"lies elsewhere than {shown(placed[0].parts)}: all folders of classes must lie side by side", other)
    names: dict[str, set[str]] = {}
    for row in placed if with_splits else []:
        names.setdefault(split_of(row.parts[-3]) or "", set()).add(row.parts[-3])
    for split, folders in names.items():
        if len(folders) > 1:
            faults.add(f"has several folders for the split {split}: {', '.join(sorted(map(shown, folders)))}")


def _check_folders(placed: list[Row], folders: Iterable[Parts], with_splits: bool, faults: Faults) -> None:
    """No folder of a class may be empty."""
    depth = 3 if with_splits else 2
    root = placed[0].parts[:-depth]
    full = {row.parts[:-1] for row in placed}
    for parts in sorted(set(folders)):
        is_class = parts[: len(root)] == root and len(parts) == len(root) + depth - 1
        if is_class and parts not in full and (not with_splits or split_of(parts[-2])):
            faults.add("is a folder of a class without images", parts)


def check_classes(splits: dict[str, list[tuple[str, Pixels]]], faults: Faults) -> None:
    """Two classes or more, the same in every split."""
    classes = {split: {name for name, _ in rows} for split, rows in splits.items()}
    train = classes.get("train")
    if train is None:
        faults.add(f"needs {_FOLDERS}; it has only {', '.join(sorted(classes))}")
        return
    if len(train) < 2:
        faults.add(f"has one class only, {shown(*train)}: it needs two classes or more, in {_FOLDERS}")
    for split in SPLITS[1:]:
        differing = sorted(map(shown, train ^ classes.get(split, train)))
        if differing:
            more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
            faults.add(f"has classes in train or {split}, but in one split only: {', '.join(differing[:5])}{more}")
