"""Where images may lie: every kind of archive, with and without folders for the splits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from search.datasets.labelled import Dataset, dataset_card
from search.datasets.read import read_dataset
from search.errors import DatasetError
from tests.unit.search.datasets.conftest import Pack, as_folder, as_tar, as_zip, image, numbered

GOLDEN = {"train": "5b7ad5c5764df80a", "validation": "aac4540397e7db48", "test": "56408e16fefefc2d"}
CIFAR = Path(__file__).resolve().parents[5] / "shared" / "data" / "cifar10.tar.xz"


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.train), len(dataset.validation), len(dataset.test)


def refused(path: Path, held_out: float = 2) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(path, held_out=held_out, seed=0)
    return str(caught.value)


@pytest.mark.parametrize("top", ["", "pictures/", "a/b/"])
def test_every_kind_of_archive_holds_the_same_dataset(tmp_path: Path, pack: Pack, top: str) -> None:
    folders = {f"{top}train/cat": 4, f"{top}train/dog": 4, f"{top}test/cat": 1, f"{top}test/dog": 1}
    dataset = read_dataset(pack(tmp_path / "d", numbered(folders)), held_out=3, seed=0)
    assert dataset.classes == ("cat", "dog")
    assert sizes(dataset) == (5, 3, 2)
    for part in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(part.images[:, 1, 0, 0] > 100, part.labels == 1)


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ({"train/cat": 6, "train/dog": 6, "val/cat": 2, "val/dog": 2, "test/cat": 1, "test/dog": 1}, (12, 4, 2)),
        ({"Train/cat": 6, "Train/dog": 6, "Valid/cat": 2, "Valid/dog": 2}, (9, 4, 3)),
        ({"training/cat": 6, "training/dog": 6, "testing/cat": 1, "testing/dog": 1}, (9, 3, 2)),
        ({"train/cat": 6, "train/dog": 6}, (6, 3, 3)),
        ({"cat": 6, "dog": 6}, (6, 3, 3)),
        ({"cat": 6, "train": 6}, (6, 3, 3)),
        ({"flowers/cat": 6, "flowers/dog": 6}, (6, 3, 3)),
    ],
)
def test_parts_without_a_folder_are_drawn_from_the_training_images(
    tmp_path: Path, folders: dict[str, int], expected: tuple[int, int, int]
) -> None:
    dataset = read_dataset(as_tar(tmp_path / "a.tar", numbered(folders)), held_out=3, seed=1)
    assert sizes(dataset) == expected


def test_no_image_is_in_two_parts(tmp_path: Path) -> None:
    dataset = read_dataset(as_zip(tmp_path / "a.zip", numbered({"cat": 10, "dog": 10})), held_out=0.25, seed=1)
    assert sizes(dataset) == (10, 5, 5)
    seen = [
        tuple(pixel) for part in (dataset.train, dataset.validation, dataset.test) for pixel in part.images[..., 0, 0]
    ]
    assert len(set(seen)) == 20


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_is_a_number_of_images(tmp_path: Path, share: float) -> None:
    path = as_tar(tmp_path / "a.tar", numbered({"train/cat": 10, "train/dog": 10, "test/cat": 1, "test/dog": 1}))
    by_share = read_dataset(path, held_out=share, seed=4)
    by_count = read_dataset(path, held_out=round(20 * share), seed=4)
    assert by_share.validation.sha256 == by_count.validation.sha256


@pytest.mark.parametrize("held_out", [0.5, 0.9, 10, 0, -1, float("nan"), float("inf")])
def test_what_leaves_nothing_to_train_on_is_refused(tmp_path: Path, held_out: float) -> None:
    path = as_tar(tmp_path / "a.tar", numbered({"cat": 10, "dog": 10}))
    assert "training images out for each of validation and test" in refused(path, held_out)


def test_the_card_finds_the_same_images_again(tmp_path: Path) -> None:
    path = as_tar(tmp_path / "a.tar", numbered({"cat": 10, "dog": 10}))
    dataset = read_dataset(path, held_out=0.2, seed=4)
    card = dataset_card(dataset)
    again = read_dataset(path, held_out=card["held_out"], seed=card["seed"])
    assert again.validation.sha256 == card["validation_sha256"]
    assert (card["archive"], card["training_images"], card["test_images"]) == ("a.tar", 12, 4)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    files = numbered({"train/cat": 3, "train/dog": 3, "val/cat": 1, "val/dog": 1, "test/cat": 1, "test/dog": 1})
    backwards = as_folder(tmp_path / "b", dict(reversed(files.items())))
    first = read_dataset(as_folder(tmp_path / "a", files), held_out=1, seed=0)
    assert first.train.sha256 == read_dataset(backwards, held_out=1, seed=0).train.sha256


IGNORED = ["__MACOSX/train/cat/._0.png", ".git/config", "train/cat/Thumbs.db", "train/cat/.DS_Store", "README.md"]


@pytest.mark.parametrize("name", [*IGNORED, "train/cat/notes.txt", "labels.csv", "desktop.ini"])
def test_what_systems_and_people_leave_behind_is_ignored(tmp_path: Path, pack: Pack, name: str) -> None:
    files = {**numbered({"train/cat": 4, "train/dog": 4}), name: b"no image"}
    assert sizes(read_dataset(pack(tmp_path / "d", files), held_out=2, seed=0)) == (4, 2, 2)


@pytest.mark.parametrize("ending", ["PNG", "Png", "JPG", "jpeg", "BMP", "webp", "gif", "tif", "ppm"])
def test_endings_of_images_in_any_case(tmp_path: Path, ending: str) -> None:
    kinds = {"JPG": "JPEG", "TIF": "TIFF"}
    content = image(kind=kinds.get(ending.upper(), ending.upper()))
    files = numbered({"cat": 3, "dog": 3}) | {f"dog/more.{ending}": content}
    assert sum(sizes(read_dataset(as_tar(tmp_path / "a", files), held_out=1, seed=0))) == 7


def test_names_in_any_script_and_in_either_unicode_form(tmp_path: Path, pack: Pack) -> None:
    folders = {"train/caf\u00e9": 3, "train/\u732b": 3, "test/cafe\u0301": 1, "test/\u732b": 1}
    dataset = read_dataset(pack(tmp_path / "d", numbered(folders)), held_out=1, seed=0)
    assert dataset.classes == ("caf\u00e9", "\u732b")


def test_windows_separators_in_a_zip(tmp_path: Path) -> None:
    files = {name.replace("/", "\\"): content for name, content in numbered({"cat": 3, "dog": 3}).items()}
    assert read_dataset(as_zip(tmp_path / "a", files), held_out=1, seed=0).classes == ("cat", "dog")


def test_progress_goes_up_to_the_end(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.datasets.read._EVERY", 1)
    told: list[float] = []
    path = pack(tmp_path / "d", numbered({"cat": 5, "dog": 5}))
    read_dataset(path, held_out=1, seed=0, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no images"),
        ({"a.txt": b"", "b.csv": b""}, "2 files that are no images were found, such as a.txt"),
        (numbered({"cat": 5}), "one class only, cat"),
        (numbered({"test/cat": 5, "test/dog": 5}), "it has only test"),
        (numbered({"train": 5, "test": 5}), "not in folders of classes"),
        (numbered({"train/cat": 5, "train/dog": 5}) | {"train/1.png": image()}, "train/1.png must lie in"),
        (numbered({"train/cat/x": 1, "train/cat": 5, "train/dog": 5}), "train/cat/x/0.png must lie in"),
        (numbered({"cat": 5, "dog": 5, "dog/x": 1}), "lies elsewhere"),
        (numbered({"a/train/cat": 3, "a/train/dog": 3, "b/train/cat": 3}), "side by side"),
        (numbered({"cat": 5, "dog": 5}) | {"1.png": image()}, "1.png lies in no folder of a class"),
        (
            numbered({"train/cat": 3, "train/dog": 3, "Train/dog": 3}),
            "several folders for the split train: Train, train",
        ),
        (numbered({"val/cat": 3, "validation/cat": 3, "train/cat": 3, "train/dog": 1}), "several folders"),
        (numbered({"train/cat": 3, "train/dog": 3, "test/cat": 1, "test/Dog": 1}), "one split only: Dog, dog"),
        (numbered({"train/cat": 3, "train/dog": 3, "val/bird": 1}), "one split only: bird, cat, dog"),
    ],
)
def test_layouts_that_are_none(tmp_path: Path, pack: Pack, files: dict[str, bytes], words: str) -> None:
    assert words in refused(pack(tmp_path / "d", files))


def test_an_empty_folder_of_a_class_is_named(tmp_path: Path) -> None:
    path = as_folder(tmp_path / "d", numbered({"train/cat": 3, "train/dog": 3, "test/cat": 1}))
    (path / "train" / "bird").mkdir()
    (path / "test" / "dog").mkdir()
    (path / "other").mkdir()
    message = refused(path)
    assert "train/bird is a folder of a class without images" in message
    assert "test/dog is a folder of a class without images" in message
    assert "other" not in message


def test_all_faults_come_at_once_up_to_twenty(tmp_path: Path, pack: Pack) -> None:
    bad = {f"train/cat/bad{number:02}.png": b"bad" for number in range(30)}
    message = refused(pack(tmp_path / "d", {**numbered({"train/cat": 2, "train/dog": 2}), **bad}))
    assert message.count("is no image that can be read") == 20
    assert "and 10 more" in message


@pytest.mark.skipif(not CIFAR.exists(), reason="the images are not beside the project")
def test_the_split_that_artefacts_were_made_with_stays() -> None:
    dataset = read_dataset(CIFAR, held_out=5000, seed=2026)
    found = {
        name: hashlib.sha256(part.images.tobytes() + part.labels.tobytes()).hexdigest()[:16]
        for name, part in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    }
    assert found == GOLDEN
