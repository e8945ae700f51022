"""Checkpoints: everything comes back, and a file that is damaged or foreign is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import optim

from search.errors import CheckpointError, SearchError
from search.space.chain import ChainSpace
from search.supernet.training.checkpoint import read_checkpoint, write_checkpoint
from search.supernet.training.supernet import Supernet
from tests.unit.search.supernet.training.training_world import randomised


def trained(space: ChainSpace, seed: int, steps: int = 2) -> tuple[Supernet, optim.Optimizer]:
    """Two steps on two paths, so that some weights have a state and others none."""
    supernet = randomised(space, seed).train()
    optimizer = optim.AdamW(supernet.parameters(), lr=0.01)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        supernet(images, space.architecture((step, 2, 2, 2))).square().mean().backward()
        optimizer.step()
    return supernet, optimizer


@pytest.fixture(scope="module")
def one(tiny: ChainSpace) -> tuple[Supernet, optim.Optimizer]:
    return trained(tiny, seed=1)


@pytest.fixture
def path(tmp_path: Path, tiny: ChainSpace, one: tuple[Supernet, optim.Optimizer]) -> Path:
    write_checkpoint(tmp_path / "c.safetensors", *one, {"step": 2, "space": tiny.sha256})
    return tmp_path / "c.safetensors"


def refused(path: Path, space: ChainSpace) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, Supernet(space), None)
    assert isinstance(caught.value, SearchError)
    assert caught.value.path == str(path)
    assert len(str(caught.value)) < 1000 + len(str(path))
    return caught.value.reason


def test_weights_and_progress_come_back(path: Path, tiny: ChainSpace, one: tuple[Supernet, optim.Optimizer]) -> None:
    supernet = Supernet(tiny)
    assert read_checkpoint(path, supernet, None) == {"step": 2, "space": tiny.sha256}
    restored = supernet.state_dict()
    assert all(torch.equal(restored[name], value) for name, value in one[0].state_dict().items())


def test_the_optimizer_comes_back(path: Path, tiny: ChainSpace, one: tuple[Supernet, optim.Optimizer]) -> None:
    supernet, optimizer = trained(tiny, seed=9, steps=0)
    read_checkpoint(path, supernet, optimizer)
    pairs = list(zip(one[0].parameters(), supernet.parameters(), strict=True))
    states = [(one[1].state.get(before, {}), optimizer.state.get(after, {})) for before, after in pairs]
    assert any(before for before, _ in states)
    assert any(not before for before, _ in states)
    for before, after in states:
        assert set(after) == set(before)
        assert all(torch.equal(after[key], value) for key, value in before.items())


def test_a_checkpoint_is_replaced_whole(path: Path, tiny: ChainSpace) -> None:
    write_checkpoint(path, *trained(tiny, seed=2), {"step": 3, "space": tiny.sha256})
    assert read_checkpoint(path, Supernet(tiny), None)["step"] == 3
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_crash_while_writing_leaves_the_old_checkpoint(
    path: Path, tiny: ChainSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, *trained(tiny, seed=2), {"step": 3, "space": tiny.sha256})
    assert read_checkpoint(path, Supernet(tiny), None)["step"] == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:4],
        lambda content: b"\xff" * 100,
        lambda content: b"PK\x03\x04" + content,
        lambda content: content[:8] + b"[" * (len(content) - 8),
    ],
)
def test_a_damaged_file_is_refused(path: Path, tiny: ChainSpace, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(path.read_bytes()))
    refused(path, tiny)


def test_a_missing_file_is_refused(tmp_path: Path, tiny: ChainSpace) -> None:
    refused(tmp_path / "nowhere.safetensors", tiny)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "how far"),
        ({"other": "words"}, "how far"),
        ({"progress": "words"}, ""),
        ({"progress": "[" * 100_000}, ""),
        ({"progress": "null"}, "how far"),
        ({"progress": "[]"}, "how far"),
        ({"progress": "{}"}, "how far"),
        ({"progress": '{"step": "2"}'}, "how far"),
        ({"progress": '{"step": 2}'}, "another space"),
        ({"progress": '{"step": 2, "space": "0000"}'}, "another space"),
    ],
)
def test_progress_that_is_none_is_refused(
    path: Path, tiny: ChainSpace, metadata: dict[str, str] | None, reason: str
) -> None:
    save_file(load_file(path), path, metadata=metadata)
    assert reason in refused(path, tiny)


def test_a_checkpoint_of_another_space_is_refused(path: Path, fbnet: ChainSpace) -> None:
    assert "another space" in refused(path, fbnet)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.popitem(),
        lambda tensors: tensors.pop("positions.stem.weights.stem"),
        lambda tensors: tensors.update({"more": torch.zeros(1)}),
        lambda tensors: tensors.update({"positions.stem.weights.stem": torch.zeros(1)}),
        lambda tensors: tensors.update({"optimizer:exp_avg:nothing": torch.zeros(1)}),
        lambda tensors: tensors.update({"optimizer:exp_avg": torch.zeros(1)}),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    path: Path, tiny: ChainSpace, change: Callable[[dict[str, torch.Tensor]], object]
) -> None:
    tensors = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("optimizer:")}
    change(tensors)
    save_file(tensors, path, metadata={"progress": json.dumps({"step": 2, "space": tiny.sha256})})
    supernet, optimizer = trained(tiny, seed=1, steps=0)
    with pytest.raises(CheckpointError):
        read_checkpoint(path, supernet, optimizer)
