"""Image archives: good ones, and everything that can be wrong with one."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.datasets.labelled import Dataset
from search.datasets.read import read_dataset
from search.errors import DatasetError, SearchError
from tests.unit.search.datasets.conftest import as_tar

TRAIN, TEST = 8, 2


def png(color: tuple[int, int, int], size: tuple[int, int] = (4, 4), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def good_files() -> dict[str, bytes]:
    """Ten images per class: cats are red, dogs are green, the third channel numbers them."""
    files = {}
    for split, count in (("train", TRAIN), ("test", TEST)):
        for number in range(count):
            files[f"pictures/{split}/cat/{number}.png"] = png((200, 0, number))
            files[f"pictures/{split}/dog/{number}.png"] = png((0, 200, number))
    return files


def refused(path: Path, held_out: int = 2) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(path, held_out=held_out, seed=0)
    assert isinstance(caught.value, SearchError)
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    return caught.value.reason


def is_labelled_right(dataset: Dataset) -> bool:
    parts = (dataset.train, dataset.validation, dataset.test)
    return all(np.array_equal(part.images[:, 1, 0, 0] > 100, part.labels == 1) for part in parts)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_good_archive_is_read(tmp_path: Path, mode: str) -> None:
    dataset = read_dataset(as_tar(tmp_path / "a", good_files(), mode), held_out=5, seed=0)
    assert dataset.classes == ("cat", "dog")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (2 * TRAIN - 5, 5, 2 * TEST)
    assert dataset.train.images.shape == (11, 3, 4, 4)
    assert (dataset.train.images.dtype, dataset.train.labels.dtype) == (np.uint8, np.int64)
    assert is_labelled_right(dataset)


def test_a_training_image_is_in_one_part_only(tmp_path: Path) -> None:
    dataset = read_dataset(as_tar(tmp_path / "a.tar", good_files()), held_out=5, seed=0)
    every = [*dataset.train.images[:, :, 0, 0].tolist(), *dataset.validation.images[:, :, 0, 0].tolist()]
    assert len({tuple(pixel) for pixel in every}) == len(every) == 2 * TRAIN


def test_the_seed_draws_the_validation_images(tmp_path: Path) -> None:
    path = as_tar(tmp_path / "a.tar", good_files())
    first, same, other = (read_dataset(path, held_out=6, seed=seed).validation.images for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_grey_images_become_colour(tmp_path: Path) -> None:
    files = good_files() | {"pictures/train/cat/0.png": png((9, 9, 9), mode="L")}
    dataset = read_dataset(as_tar(tmp_path / "a.tar", files), held_out=2, seed=0)
    assert dataset.train.images.shape[1:] == (3, 4, 4)


def test_files_elsewhere_in_the_archive_are_left_alone(tmp_path: Path) -> None:
    files = good_files() | {"README": b"words", "pictures/labels.txt": b"words", "pictures/extra/cat/1.png": b"words"}
    assert len(read_dataset(as_tar(tmp_path / "a.tar", files), held_out=2, seed=0).test) == 2 * TEST


def test_rows_are_taken_with_their_labels(tmp_path: Path) -> None:
    test = read_dataset(as_tar(tmp_path / "a.tar", good_files()), held_out=2, seed=0).test
    rows = np.array([3, 0])
    assert test.take(rows).labels.tolist() == test.labels[rows].tolist()
    assert np.array_equal(test.take(rows).images, test.images[rows])


def without(part: str) -> dict[str, bytes]:
    return {name: content for name, content in good_files().items() if part not in name}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "needs the folders"),
        ({"README": b"words"}, "needs the folders"),
        (without("train"), "needs the folders"),
        (without("dog"), "two classes"),
        (without("test/dog"), "one split only: dog"),
        (without("train/dog"), "two classes"),
        (good_files() | {"p/test/bird/0.png": png((0, 0, 1))}, "one split only: bird"),
        (good_files() | {"p/train/cat/big.png": png((0, 0, 0), (5, 5))}, "different sizes"),
        (without("test") | {f"test/{name}/0.png": png((0, 0, 0), (5, 4)) for name in ("cat", "dog")}, "sizes"),
        (good_files() | {"p/train/cat/empty.png": b""}, "p/train/cat/empty.png is no image"),
        (good_files() | {"p/train/cat/half.png": png((1, 2, 3), (64, 64))[:-60]}, "p/train/cat/half.png is no image"),
    ],
)
def test_archives_that_do_not_serve_are_refused(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    assert reason in refused(as_tar(tmp_path / "a.tar", files))


@pytest.mark.parametrize("held_out", [-1, 0, 2 * TRAIN, 2 * TRAIN + 1, 10**9])
def test_a_validation_part_that_leaves_nothing_is_refused(tmp_path: Path, held_out: int) -> None:
    reason = refused(as_tar(tmp_path / "a.tar", good_files()), held_out)
    assert f"cannot hold {held_out} of {2 * TRAIN}" in reason


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 40]) + content[middle + 40 :]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: content[:60], flipped]
)
def test_a_damaged_archive_is_refused(tmp_path: Path, mode: str, damage: Callable[[bytes], bytes]) -> None:
    path = as_tar(tmp_path / "a.tar", good_files(), mode)
    path.write_bytes(damage(path.read_bytes()))
    refused(path)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\0" * 10_240, b"\xfd7zXZ\x00" + b"\xff" * 64, b"\x1f\x8b" + b"\0" * 64]
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    refused(path)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere.tar")
    refused(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = as_tar(tmp_path / "a.tar", good_files())
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("pictures/train/cat/link.png")
        link.type, link.linkname = kind, "/etc/hostname"
        tar.addfile(link)
    assert "pictures/train/cat/link.png is a link, a device" in refused(path)
