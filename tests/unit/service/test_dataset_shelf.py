"""The validation images of a supernet: the same ones, read once, and never those of another dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from search import Dataset, DatasetError, Space, dataset_card, load_space, read_dataset
from service import datasets as module
from service.bootstrap import build_services
from service.datasets import DatasetShelf
from service.errors import DatasetMissingError, NoDatasetError
from service.settings import Settings
from tests.service_world import SPACE, build_world
from tests.unit.search.datasets.conftest import as_folder, as_tar, image

CLASSES = [f"class{number}" for number in range(10)]


def files(count: int = 6, first: int = 0) -> dict[str, bytes]:
    return {
        f"{name}/{number}.png": image((25 * place, number + first, 7), (32, 32))
        for place, name in enumerate(CLASSES)
        for number in range(count)
    }


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space(SPACE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return as_tar(tmp_path / "pictures.tar.xz", files(), "w:xz")


def card_of(dataset: Dataset) -> dict[str, Any]:
    return {"classes": list(dataset.classes), "data": dataset_card(dataset)}


@pytest.fixture
def dataset(path: Path) -> Dataset:
    return read_dataset(path, held_out=0.2, seed=5)


@pytest.mark.parametrize("name", [SPACE, "pictures"])
def test_the_images_are_those_that_were_held_out(
    tmp_path: Path, path: Path, space: Space, dataset: Dataset, name: str
) -> None:
    shelf = DatasetShelf({"other": tmp_path, name: path}, tmp_path / "kept")
    assert shelf.path(space, card_of(dataset)) == path
    assert shelf.validation(space, card_of(dataset)).sha256 == dataset.validation.sha256


def test_older_cards_tell_the_draw_in_their_recipe(tmp_path: Path, path: Path, space: Space, dataset: Dataset) -> None:
    data = {"archive": "pictures.tar.xz", "validation_images": 12}
    card = {"classes": list(dataset.classes), "recipe": {"held_out": 12, "seed": 5}, "data": data}
    shelf = DatasetShelf({"pictures": path}, tmp_path / "kept")
    assert shelf.validation(space, card).sha256 == dataset.validation.sha256


def test_older_cards_have_no_fingerprint_but_another_number_of_training_images_shows(
    tmp_path: Path, path: Path, space: Space, dataset: Dataset
) -> None:
    data = {"archive": "pictures.tar.xz", "validation_images": 12, "training_images": 36}
    card = {"classes": list(dataset.classes), "recipe": {"held_out": 12, "seed": 5}, "data": data}
    shelf = DatasetShelf({"pictures": path}, tmp_path / "kept")
    assert shelf.validation(space, card).sha256 == dataset.validation.sha256
    larger = as_tar(tmp_path / "larger.tar", files(9))
    with pytest.raises(DatasetError, match="gives 66 training images, the supernet had 36"):
        DatasetShelf({"pictures": larger}, tmp_path / "kept").validation(space, card)


def test_they_are_read_once_and_again_after_a_change(
    tmp_path: Path, path: Path, space: Space, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    DatasetShelf({"pictures": path}, tmp_path / "kept").validation(space, card_of(dataset))
    (kept,) = (tmp_path / "kept").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_dataset", lambda *_, **__: pytest.fail("read again"))
        again = DatasetShelf({"pictures": path}, tmp_path / "kept").validation(space, card_of(dataset))
    assert again.sha256 == dataset.validation.sha256
    kept.write_bytes(kept.read_bytes()[:-100])
    assert (
        DatasetShelf({"pictures": path}, tmp_path / "kept").validation(space, card_of(dataset)).sha256 == again.sha256
    )
    os.utime(path, (1, 1))
    DatasetShelf({"pictures": path}, tmp_path / "kept").validation(space, card_of(dataset))
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_folder_that_has_changed_is_read_again(tmp_path: Path, space: Space) -> None:
    path = as_folder(tmp_path / "pictures", files())
    dataset = read_dataset(path, held_out=0.2, seed=5)
    shelf = DatasetShelf({"pictures": path}, tmp_path / "kept")
    assert shelf.validation(space, card_of(dataset)).sha256 == dataset.validation.sha256
    for file in path.glob("*/*"):
        file.write_bytes(image((1, 2, 3), (32, 32)))
    with pytest.raises(DatasetError, match="other validation images"):
        shelf.validation(space, card_of(dataset))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (files(first=50), "other validation images than those"),
        (files(7), "gives 14 validation images, the supernet had 12"),
        ({name: content for name, content in files().items() if "class9" not in name}, "its classes are not those"),
        ({name.replace("class", "kind"): content for name, content in files().items()}, "its classes are not those"),
        ({name: image(size=(8, 8)) for name in files()}, "32 x 32 are needed"),
        ({}, "holds no images"),
    ],
)
def test_another_dataset_is_refused(
    tmp_path: Path, space: Space, dataset: Dataset, other: dict[str, bytes], words: str
) -> None:
    wrong = as_tar(tmp_path / "other.tar", other)
    card = card_of(dataset) | {"data": dataset_card(dataset) | {"held_out": 0.2}}
    with pytest.raises(DatasetError) as caught:
        DatasetShelf({SPACE: wrong}, tmp_path / "kept").validation(space, card)
    assert words in str(caught.value)
    assert not (tmp_path / "kept").exists()


def test_without_a_dataset_the_setting_is_named(tmp_path: Path, space: Space, dataset: Dataset) -> None:
    shelf = DatasetShelf({"flowers": tmp_path}, tmp_path)
    with pytest.raises(NoDatasetError, match=r"LUTNAS_DATASETS=pictures=PATH.*flowers"):
        shelf.validation(space, card_of(dataset))


@pytest.mark.parametrize("archive", ["my pictures.zip", "", "x" * 65, ".tar"])
def test_the_setting_that_is_named_is_one_that_the_service_takes(
    tmp_path: Path, space: Space, dataset: Dataset, archive: str
) -> None:
    card = card_of(dataset) | {"data": {"archive": archive}}
    with pytest.raises(NoDatasetError, match=f"LUTNAS_DATASETS={SPACE}=PATH"):
        DatasetShelf({}, tmp_path).check(space, card)
    assert Settings.model_validate({"datasets": f"{SPACE}=/a"}).datasets == {SPACE: Path("/a")}


def test_a_card_that_does_not_tell_the_draw_is_refused(tmp_path: Path, path: Path, space: Space) -> None:
    card = {"classes": CLASSES, "recipe": {}, "data": {}}
    with pytest.raises(DatasetError, match="does not say which images were held out"):
        DatasetShelf({SPACE: path}, tmp_path / "kept").validation(space, card)


def test_a_folder_that_cannot_be_written_costs_time_only(
    tmp_path: Path, path: Path, space: Space, dataset: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("a file")
    shelf = DatasetShelf({SPACE: path}, tmp_path / "kept")
    assert shelf.validation(space, card_of(dataset)).sha256 == dataset.validation.sha256
    assert "cannot be kept" in caplog.text


def test_a_path_with_nothing_at_it_is_told_before_anything_is_read(
    tmp_path: Path, path: Path, space: Space, dataset: Dataset
) -> None:
    assert DatasetShelf({"pictures": path}, tmp_path).check(space, card_of(dataset)) == path
    for gone in (tmp_path / "gone.zip", tmp_path / ("x" * 300)):
        with pytest.raises(DatasetMissingError, match=r"Nothing is at .*LUTNAS_DATASETS"):
            DatasetShelf({"pictures": gone}, tmp_path).check(space, card_of(dataset))


def test_what_is_wrong_with_the_setting_is_said(tmp_path: Path, path: Path, dataset: Dataset) -> None:
    shelf = DatasetShelf({"pictures": path, SPACE: tmp_path / "gone", "picture": path}, tmp_path)
    gone, unused = shelf.doubts([SPACE, "other"], [card_of(dataset), {"data": {"archive": "my own.zip"}}, {}])
    assert f"nothing is at {tmp_path / 'gone'}, the path of {SPACE}" in gone
    assert "picture is the name of no space" in unused
    assert unused.endswith(f"Names that fit now: other, pictures, {SPACE}.")


def test_a_setting_that_fits_is_not_worth_a_word(tmp_path: Path, path: Path, dataset: Dataset) -> None:
    assert DatasetShelf({"pictures": path, SPACE: path}, tmp_path).doubts([SPACE], [card_of(dataset)]) == []


def test_the_service_warns_when_it_is_put_together(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = build_world(tmp_path).model_copy(update={"datasets": {"nothing": tmp_path / "gone"}})
    build_services(settings).close()
    told = [record.getMessage() for record in caplog.records if record.name == "lutnas.datasets"]
    assert [("nothing is at" in line, "nothing is the name of no" in line) for line in told] == [
        (True, False),
        (False, True),
    ]
