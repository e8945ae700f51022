"""The training loop on tiny networks and made-up images: it resumes exactly, learns, and refuses what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from search.datasets.labelled import LabelledImages
from search.errors import CheckpointError, DatasetError
from search.space.chain import ChainSpace
from search.supernet.training.checkpoint import write_checkpoint
from search.supernet.training.loop import StepReport, Training, largest, smallest
from search.supernet.training.recipe import Recipe
from tests.unit.search.supernet.training.training_world import bright_dataset

RECIPE = Recipe(
    epochs=3, largest_share=0.34, small_until=0.5, frozen_from=0.67, batch=10, warm_up_steps=2, calibration_batches=3
)
DATASET = bright_dataset(38)  # 3 steps an epoch, 8 images left over
FREEZE, STEPS = 6, 9


class Stopped(Exception):  # noqa: N818  a test's own, not an error
    pass


def train(space: ChainSpace, folder: Path, stop_after: int | None = None) -> Training:
    """Train, writing a checkpoint after every step; stop in the middle of the step after `stop_after`."""
    folder.mkdir(exist_ok=True)
    training = Training(space, DATASET, RECIPE, folder)
    step = training.train_step

    def stopping() -> tuple[float, float]:
        result = step()
        if training.step == stop_after:
            raise Stopped
        return result

    training.train_step = stopping
    training.run(lambda report: None, checkpoint_s=0.0)
    return training


@pytest.fixture(scope="module")
def whole(tiny: ChainSpace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """Folder and last checkpoint of an uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    training = train(tiny, folder)
    assert training.step == training.steps == STEPS
    return folder, load_file(training.checkpoint)


@pytest.mark.parametrize("stop_after", [1, 4, FREEZE - 1, FREEZE, FREEZE + 1, STEPS - 1])
def test_a_resumed_training_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]], stop_after: int
) -> None:
    with pytest.raises(Stopped):
        train(tiny, tmp_path, stop_after)
    resumed = Training(tiny, DATASET, RECIPE, tmp_path)
    assert resumed.step == stop_after
    assert resumed.supernet.frozen_statistics == (stop_after > FREEZE)
    found = load_file(train(tiny, tmp_path).checkpoint)
    assert sorted(found) == sorted(whole[1])
    assert [name for name, tensor in whole[1].items() if not torch.equal(found[name], tensor)] == []


def test_a_finished_training_does_nothing_more(
    tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tiny, DATASET, RECIPE, whole[0])
    assert training.step == STEPS
    assert training.supernet.frozen_statistics
    monkeypatch.setattr(training, "train_step", lambda: pytest.fail("trained"))
    training.run(lambda report: pytest.fail("reported"), report_s=float("inf"))
    assert all(torch.equal(tensor, whole[1][name]) for name, tensor in load_file(training.checkpoint).items())


def test_the_frozen_phase_changes_weights_but_no_statistics(whole: tuple[Path, dict[str, Tensor]]) -> None:
    before = load_file(whole[0] / "checkpoint.before-freeze.safetensors")
    assert not torch.equal(before["positions.stem.weights.stem"], whole[1]["positions.stem.weights.stem"])
    measured = [name for name in before if name.endswith(".mean") and not torch.equal(before[name], whole[1][name])]
    assert measured
    frozen = load_file(whole[0] / "checkpoint.safetensors")
    assert all(torch.equal(frozen[name], whole[1][name]) for name in measured)


def test_a_training_repeats_itself(tmp_path: Path, tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]]) -> None:
    torch.manual_seed(99)  # global state has no say
    again = load_file(train(tiny, tmp_path).checkpoint)
    assert all(torch.equal(again[name], tensor) for name, tensor in whole[1].items())


def test_another_seed_is_another_training(tmp_path: Path, tiny: ChainSpace) -> None:
    one, other = (Training(tiny, DATASET, replace(RECIPE, seed=seed), tmp_path).supernet for seed in (1, 2))
    weights = [supernet.position("stem").weights["stem"] for supernet in (one, other)]
    assert not torch.equal(*weights)


def test_a_training_leaves_global_random_state_alone(tmp_path: Path, tiny: ChainSpace) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Training(tiny, DATASET, RECIPE, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_learns_what_can_be_learned(tmp_path: Path, tiny: ChainSpace) -> None:
    recipe = replace(
        RECIPE,
        epochs=9,
        largest_share=0.22,
        batch=20,
        warm_up_steps=5,
        random_paths=1,
        frozen_from=0.9,
        small_until=0.0,
        label_smoothing=0.0,
    )
    training = Training(tiny, bright_dataset(200), recipe, tmp_path)
    reports: list[StepReport] = []
    training.run(reports.append, report_s=float("inf"))
    losses = [report.loss for report in reports]
    assert [report.step for report in reports] == [50]
    assert not reports[0].frozen
    assert losses[0] < 0.75 * np.log(10)
    assert reports[0].accuracy > 0.3
    assert reports[0].images_per_s > 0
    assert reports[0].seconds_left > 0
    assert validation_loss(training) < 0.75 * np.log(10)


@torch.no_grad()
def validation_loss(training: Training) -> float:
    images = torch.from_numpy(training.dataset.validation.images).float() / 255
    logits = training.supernet.eval()(images, largest(training.space))
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(training.dataset.validation.labels)).item()


def test_every_epoch_shows_every_image_once(tmp_path: Path, tiny: ChainSpace) -> None:
    training = Training(tiny, bright_dataset(30), RECIPE, tmp_path)
    orders = []
    for epoch in range(2):
        labels = [training._batch(3 * epoch + place)[1] for place in range(3)]
        orders.append(torch.cat(labels).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(training.dataset.train.labels.tolist())
    assert orders[0] != orders[1]


def test_every_step_shifts_images_anew(tmp_path: Path, tiny: ChainSpace) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    same = LabelledImages(np.repeat(image[None], 38, axis=0), DATASET.train.labels)
    training = Training(tiny, replace(DATASET, train=same), RECIPE, tmp_path)
    first, again, later = (training._batch(step)[0] for step in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_the_largest_architecture_has_most_macs(tiny: ChainSpace, fbnet: ChainSpace) -> None:
    assert largest(tiny).genome == (1, 1, 1, 1)
    assert {block.label for block in largest(fbnet).blocks[1:-1]} == {"k5_e3", "k5_e6"}
    assert largest(fbnet).macs == fbnet.tabulate(lambda block: block.macs).highest_total()


def test_random_paths_come_after_the_largest_alone(tmp_path: Path, tiny: ChainSpace) -> None:
    training = Training(tiny, DATASET, RECIPE, tmp_path)
    paths = [training._random_paths(step) for step in range(STEPS)]
    assert [len(drawn) for drawn in paths] == [0] * 3 + [2] * 6
    assert len({path.genome for drawn in paths for path in drawn}) > 6


def test_a_damaged_checkpoint_stops_a_training(tmp_path: Path, tiny: ChainSpace) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors"):
        Training(tiny, DATASET, RECIPE, tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == b"half a file"


def test_a_checkpoint_of_another_space_stops_a_training(
    fbnet: ChainSpace, whole: tuple[Path, dict[str, Tensor]]
) -> None:
    with pytest.raises(CheckpointError, match="another space"):
        Training(fbnet, DATASET, RECIPE, whole[0])


@pytest.mark.parametrize(("name", "value"), [("epochs", 2.0), ("learning_rate", 0.1), ("seed", 1)])
def test_a_training_does_not_go_on_with_another_recipe(
    tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]], name: str, value: float
) -> None:
    asked = replace(RECIPE, **{name: value})
    with pytest.raises(CheckpointError, match=f"made with {name} {getattr(RECIPE, name)}, not {value}") as caught:
        Training(tiny, DATASET, asked, whole[0])
    assert "weight_decay" not in str(caught.value)


def test_a_checkpoint_without_a_recipe_stops_a_training(tmp_path: Path, tiny: ChainSpace) -> None:
    training = Training(tiny, DATASET, RECIPE, tmp_path)
    write_checkpoint(training.checkpoint, training.supernet, training.optimizer, {"step": 1, "space": tiny.sha256})
    with pytest.raises(CheckpointError, match="does not record its recipe"):
        Training(tiny, DATASET, RECIPE, tmp_path)


def test_images_of_another_size_are_refused(tmp_path: Path, tiny: ChainSpace) -> None:
    small = LabelledImages(DATASET.train.images[:, :, :28, :28], DATASET.train.labels)
    with pytest.raises(DatasetError, match=r"\(3, 28, 28\)"):
        Training(tiny, replace(DATASET, train=small), RECIPE, tmp_path)


def test_another_number_of_classes_is_refused(tmp_path: Path, tiny: ChainSpace) -> None:
    with pytest.raises(DatasetError, match=r'has 9 classes, tiny-cifar10 needs 10: .*"classes": 9'):
        Training(tiny, replace(DATASET, classes=DATASET.classes[1:]), RECIPE, tmp_path)


def test_less_than_one_batch_is_refused(tmp_path: Path, tiny: ChainSpace) -> None:
    Training(tiny, DATASET, replace(RECIPE, batch=38), tmp_path)
    with pytest.raises(DatasetError, match="38 training images, one batch needs 39"):
        Training(tiny, DATASET, replace(RECIPE, batch=39), tmp_path)


def test_images_are_small_at_first_and_whole_later(tmp_path: Path, tiny: ChainSpace) -> None:
    training = Training(tiny, DATASET, RECIPE, tmp_path)
    assert [training._batch(step)[0].shape[-1] for step in range(STEPS)] == [24] * 4 + [32] * 5


def test_an_image_is_mirrored_in_every_second_epoch(tmp_path: Path, tiny: ChainSpace) -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 8, (38, 3, 32, 32))
    training = Training(tiny, replace(DATASET, train=LabelledImages(ramp, np.arange(38) % 10)), RECIPE, tmp_path)
    training.recipe = replace(RECIPE, small_until=0.0)
    sides: dict[int, list[bool]] = {}
    for step in range(STEPS):
        order = np.random.default_rng([RECIPE.seed, 2, step // 3]).permutation(38)[step % 3 * 10 :][:10]
        images = training._batch(step)[0][:, 0, 16].numpy()
        for row, line in zip(order.tolist(), images, strict=True):
            sides.setdefault(row, []).append(bool(line[8] > line[24]))
    seen_thrice = [found for found in sides.values() if len(found) == 3]
    assert seen_thrice
    assert all(found[0] == found[2] != found[1] for found in seen_thrice)
    assert len({found[0] for found in seen_thrice}) == 2


def test_a_training_can_start_from_another_ones_weights(
    tmp_path: Path, tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]]
) -> None:
    started = Training(tiny, DATASET, RECIPE, tmp_path, whole[0] / "checkpoint.safetensors")
    assert started.step == 0
    assert not started.optimizer.state
    assert torch.equal(started.supernet.position("stem").weights["stem"], whole[1]["positions.stem.weights.stem"])


def test_a_checkpoint_of_its_own_goes_before_the_weights_to_start_from(
    tmp_path: Path, tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]]
) -> None:
    with pytest.raises(Stopped):
        train(tiny, tmp_path, 2)
    resumed = Training(tiny, DATASET, RECIPE, tmp_path, whole[0] / "checkpoint.safetensors")
    assert resumed.step == 2
    assert not torch.equal(resumed.supernet.position("stem").weights["stem"], whole[1]["positions.stem.weights.stem"])


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_both_precisions_train(tmp_path: Path, tiny: ChainSpace, precision: str) -> None:
    training = Training(tiny, DATASET, replace(RECIPE, precision=precision), tmp_path)
    loss, _ = training.train_step()
    assert 0 < loss < 10


def test_smallest_and_largest_are_the_ends_of_the_space(tiny: ChainSpace, fbnet: ChainSpace) -> None:
    for space in (tiny, fbnet):
        macs = space.tabulate(lambda block: block.macs)
        assert (smallest(space).macs, largest(space).macs) == (macs.lowest_total(), macs.highest_total())


def test_a_training_that_its_listener_ends_goes_on_where_it_was(
    tmp_path: Path, tiny: ChainSpace, whole: tuple[Path, dict[str, Tensor]]
) -> None:
    def end(report: StepReport) -> None:
        if report.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(tiny, DATASET, RECIPE, tmp_path).run(end, report_s=0.0)
    again = Training(tiny, DATASET, RECIPE, tmp_path)
    assert again.step == 2
    again.run(lambda report: None)
    assert all(torch.equal(tensor, whole[1][name]) for name, tensor in load_file(again.checkpoint).items())


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {"largest_share": 0.0, "small_until": 1.0},
        {"largest_share": 0.9, "small_until": 0.2},
        {"largest_share": 0.5, "small_until": 0.5},
    ],
)
def test_the_work_left_is_that_of_every_step_to_come(
    tmp_path: Path, tiny: ChainSpace, shares: dict[str, float]
) -> None:
    training = Training(tiny, DATASET, replace(RECIPE, **shares), tmp_path)
    for training.step in range(STEPS + 1):
        assert training._work_left() == sum(map(training._work, range(training.step, STEPS)))


def test_the_work_of_a_very_long_training_is_known_at_once(tmp_path: Path, tiny: ChainSpace) -> None:
    training = Training(tiny, DATASET, replace(RECIPE, epochs=1e9), tmp_path)
    assert training._work_left() > training.steps * training._work(0)
