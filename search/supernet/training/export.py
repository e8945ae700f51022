"""From a trained supernet to the tensors of an artefact, and back.

Half precision, batch norm folded to scale and shift. Evaluations are made from the tensors written here, so that
what the card says is what the shipped file does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from search.space.blocks.base import Block, Convolution
from search.space.chain import ChainSpace
from search.supernet.subnet import norm_names, weight_name
from search.supernet.training.supernet import Supernet

Halves = npt.NDArray[np.float16]


def shared_tensors(supernet: Supernet) -> dict[str, Halves]:
    """Weights and folded norms of a supernet under the names of `search.supernet.subnet`."""
    tensors: dict[str, Halves] = {}
    for position, block, spec in _convolutions(supernet.space):
        place = supernet.position(position)
        key = spec.shared_name.replace(".", "/")
        name = weight_name(position, spec)
        tensors[name] = _half(place.weights[key])
        if spec.normalised:
            scale, shift = norm_names(position, block, spec)
            tensors[scale], tensors[shift] = (_half(vector) for vector in place.folded(block, spec))
        else:
            tensors[f"{name}/bias"] = _half(place.biases[key])
    return tensors


def load_shared(space: ChainSpace, tensors: Mapping[str, Halves], device: torch.device | None = None) -> Supernet:
    """A supernet that computes what an artefact's tensors say: for checks and evaluation, not for training on."""
    supernet = Supernet(space).to(device)
    with torch.no_grad():
        for position, block, spec in _convolutions(space):
            place = supernet.position(position)
            key = spec.shared_name.replace(".", "/")
            name = weight_name(position, spec)
            place.weights[key].copy_(_wide(tensors[name]))
            if spec.normalised:
                names = norm_names(position, block, spec)
                place.fix_norm(block, spec, *(_wide(tensors[vector]).to(device) for vector in names))
            else:
                place.biases[key].copy_(_wide(tensors[f"{name}/bias"]))
    supernet.frozen_statistics = True
    return supernet.eval()


def _convolutions(space: ChainSpace) -> list[tuple[str, Block, Convolution]]:
    """Every convolution of every choice with its position."""
    places = zip(space.positions, [(space.stem,), *space.layers, (space.head,)], strict=True)
    return [(name, block, spec) for name, blocks in places for block in blocks for spec in block.convolutions]


def _half(tensor: Tensor) -> Halves:
    return tensor.detach().cpu().numpy().astype(np.float16)


def _wide(array: Halves) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
