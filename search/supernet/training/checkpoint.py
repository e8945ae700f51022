"""Training checkpoints: weights, optimizer, step and recipe, as one safetensors file that is replaced atomically."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

from search.errors import CheckpointError
from search.supernet.training.recipe import Recipe
from search.supernet.training.supernet import Supernet

_OPTIMIZER = "optimizer:"
Progress = dict[str, Any]
"""JSON values: `step`, the sha256 of the `space`, and the numbers of the `recipe` by name."""


def write_checkpoint(path: Path, supernet: nn.Module, optimizer: optim.Optimizer, progress: Progress) -> None:
    """Replace the checkpoint: either the old or the new file is there after a crash, never half of one."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in supernet.state_dict().items()}
    for name, parameter in supernet.named_parameters():
        for key, state in optimizer.state.get(parameter, {}).items():
            tensors[f"{_OPTIMIZER}{key}:{name}"] = state.contiguous()
    temporary = path.with_suffix(".new")
    save_file(tensors, temporary, metadata={"progress": json.dumps(progress)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def read_checkpoint(path: Path, supernet: Supernet, optimizer: optim.Optimizer | None) -> Progress:
    """Load weights (and the optimizer) in place; return the progress that was written with them.

    Raises:
        CheckpointError: the file is damaged or was made for another space.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            progress = _progress(file.metadata(), supernet.space.sha256)
        supernet.load_state_dict({name: t for name, t in tensors.items() if not name.startswith(_OPTIMIZER)})
        if optimizer is not None:
            _restore_optimizer(supernet, optimizer, tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(str(path), str(error)[:500]) from error
    return progress


def check_recipe(path: Path, progress: Progress, recipe: Recipe) -> None:
    """Refuse to go on with other numbers than the training began with.

    Raises:
        CheckpointError: a number of the recipe differs, or the checkpoint records no recipe.
    """
    recorded, asked = progress.get("recipe"), asdict(recipe)
    if not isinstance(recorded, dict):
        raise CheckpointError(str(path), "it does not record its recipe")
    names = sorted(name for name in recorded.keys() | asked.keys() if recorded.get(name) != asked.get(name))
    if names:
        listed = ", ".join(f"{name[:40]} {str(recorded.get(name))[:40]}, not {asked.get(name)}" for name in names)
        raise CheckpointError(str(path), f"it was made with {listed}. Ask for the same numbers to go on with it")


def _progress(metadata: dict[str, str] | None, space_sha256: str) -> Progress:
    progress = json.loads((metadata or {}).get("progress", "null"))
    known = isinstance(progress, dict) and isinstance(progress.get("step"), int)
    if not known:
        raise ValueError("it does not say how far a training is")
    if progress.get("space") != space_sha256:
        raise ValueError("it was made for another space definition")
    return dict(progress)


def _restore_optimizer(supernet: nn.Module, optimizer: optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = dict(supernet.named_parameters())
    for name, tensor in tensors.items():
        if name.startswith(_OPTIMIZER):
            key, parameter = name.removeprefix(_OPTIMIZER).split(":", 1)
            # AdamW keeps its step counter on the CPU, whatever the parameter's device.
            device = "cpu" if key == "step" else parameters[parameter].device
            optimizer.state[parameters[parameter]][key] = tensor.to(device)
