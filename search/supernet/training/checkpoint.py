"""Training checkpoints: weights, momentum and the step, as one safetensors file that is replaced atomically."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

from search.errors import CheckpointError

_MOMENTUM = "momentum:"


def write_checkpoint(path: Path, supernet: nn.Module, optimizer: optim.SGD, progress: dict[str, int | str]) -> None:
    """Replace the checkpoint: either the old or the new file is there after a crash, never half of one."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in supernet.state_dict().items()}
    for name, parameter in supernet.named_parameters():
        buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
        if buffer is not None:
            tensors[_MOMENTUM + name] = buffer.contiguous()
    temporary = path.with_suffix(".new")
    save_file(tensors, temporary, metadata={"progress": json.dumps(progress)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def read_checkpoint(path: Path, supernet: nn.Module, optimizer: optim.SGD | None) -> dict[str, int | str]:
    """Load weights (and momentum) in place; return the progress that was written with them.

    Raises:
        CheckpointError: the file is damaged or was made for another space.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            progress: dict[str, int | str] = json.loads(file.metadata()["progress"])
        supernet.load_state_dict({name: t for name, t in tensors.items() if not name.startswith(_MOMENTUM)})
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(str(path), str(error)) from error
    if optimizer is not None:
        _restore_momentum(supernet, optimizer, tensors)
    return progress


def _restore_momentum(supernet: nn.Module, optimizer: optim.SGD, tensors: dict[str, Tensor]) -> None:
    for name, parameter in supernet.named_parameters():
        if _MOMENTUM + name in tensors:
            optimizer.state[parameter]["momentum_buffer"] = tensors[_MOMENTUM + name].to(parameter.device)
