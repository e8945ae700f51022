"""CIFAR's own archives: the binary ones are read, the pickled ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.datasets.limits import Limits
from search.datasets.pixels import ImageFit
from search.datasets.read import read_dataset
from search.errors import DatasetError
from tests.unit.search.datasets.conftest import Pack, as_tar

TEN = [f"class{number}" for number in range(10)]


def records(labels: list[int], *, coarse: bool = False) -> bytes:
    """One image per label, all of whose pixels are the label."""
    parts = [bytes([0] * coarse) + bytes([label]) + bytes([label]) * 3072 for label in labels]
    return b"".join(parts)


def cifar_10(top: str = "cifar-10-batches-bin/") -> dict[str, bytes]:
    files = {f"{top}batches.meta.txt": ("\n".join(TEN) + "\n\n").encode(), f"{top}readme.html": b"<html>"}
    files |= {f"{top}data_batch_{number}.bin": records(list(range(10))) for number in (2, 1)}
    return files | {f"{top}test_batch.bin": records([3, 1, 0, 2, 4, 5, 6, 7, 8, 9])}


def cifar_100() -> dict[str, bytes]:
    names = "\n".join(f"fine{number:02}" for number in range(20)).encode()
    parts = {"train.bin": records(list(range(20)), coarse=True), "test.bin": records(list(range(20)), coarse=True)}
    files = {"fine_label_names.txt": names, "coarse_label_names.txt": b"one\ntwo", **parts}
    return {f"cifar-100-binary/{name}": content for name, content in files.items()}


def test_cifar_10(tmp_path: Path, pack: Pack) -> None:
    dataset = read_dataset(pack(tmp_path / "d", cifar_10()), held_out=5, seed=0)
    assert dataset.classes == tuple(TEN)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (15, 5, 10)
    assert dataset.test.images.shape == (10, 3, 32, 32)
    assert dataset.test.labels.tolist() == [3, 1, 0, 2, 4, 5, 6, 7, 8, 9]
    for part in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(part.images[:, 2, 31, 31], part.labels)


def test_cifar_100_has_its_fine_labels(tmp_path: Path) -> None:
    dataset = read_dataset(as_tar(tmp_path / "a", cifar_100(), "w:gz"), held_out=5, seed=0)
    assert len(dataset.classes) == 20
    assert np.array_equal(dataset.test.images[:, 0, 0, 0], dataset.test.labels)


def test_another_size_and_grey(tmp_path: Path) -> None:
    fit = ImageFit((1, 16, 16), resize=True)
    dataset = read_dataset(as_tar(tmp_path / "a", cifar_10()), held_out=5, seed=0, fit=fit)
    assert dataset.train.images.shape == (15, 1, 16, 16)


@pytest.mark.parametrize("names", [["data_batch_1", "test_batch", "batches.meta"], ["cifar-100-python/train"]])
def test_a_pickle_is_refused_and_the_binary_named(tmp_path: Path, pack: Pack, names: list[str]) -> None:
    path = pack(tmp_path / "d", {f"c/{name}": b"\x80\x04K\x01." for name in names})
    with pytest.raises(DatasetError, match=r"pickle.*cifar-10-binary\.tar\.gz"):
        read_dataset(path, held_out=5, seed=0)


def changed(name: str, content: bytes | None) -> dict[str, bytes]:
    files = cifar_10() | ({} if content is None else {f"cifar-10-batches-bin/{name}": content})
    return {key: value for key, value in files.items() if content is not None or not key.endswith(name)}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data_batch_1.bin", records([1, 2])[:-1], "no whole number of records of 3073"),
        ("data_batch_1.bin", b"", "no whole number of records"),
        ("data_batch_1.bin", records([10]), "has the label 10, but only 10 classes"),
        ("batches.meta.txt", b"one\none", "names a class twice"),
        ("batches.meta.txt", None, "must be there once"),
        ("fine_label_names.txt", b"a\nb", "must be there once"),
    ],
)
def test_damaged_archives_are_refused(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(as_tar(tmp_path / "a", changed(name, content)), held_out=5, seed=0)
    assert words in str(caught.value)


def test_classes_without_images_are_told(tmp_path: Path) -> None:
    files = changed("test_batch.bin", records([0, 1]))
    with pytest.raises(DatasetError, match="one split only"):
        read_dataset(as_tar(tmp_path / "a", files), held_out=5, seed=0)


def test_batches_that_do_not_fit_into_memory_are_refused(tmp_path: Path, pack: Pack) -> None:
    path = pack(tmp_path / "d", cifar_10())
    held = sum(len(content) for name, content in cifar_10().items() if not name.endswith("html"))
    read_dataset(path, held_out=5, seed=0, fit=ImageFit(limits=Limits(decoded_bytes=held)))
    with pytest.raises(DatasetError, match="of memory"):
        read_dataset(path, held_out=5, seed=0, fit=ImageFit(limits=Limits(decoded_bytes=held - 1)))
