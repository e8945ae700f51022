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

from search.space.chain import ChainSpace
from search.supernet.training.supernet import BATCH_NORM_EPS, Position, Supernet

Halves = npt.NDArray[np.float16]


def shared_tensors(supernet: Supernet) -> dict[str, Halves]:
    """Weights and folded norms of a supernet under the names of `search.supernet.subnet`."""
    tensors: dict[str, Halves] = {}
    for name, position in _positions(supernet):
        for key, weight in position.weights.items():
            tensors[f"{name}/{key.replace('/', '.')}"] = _half(weight)
        for key, bias in position.biases.items():
            tensors[f"{name}/{key.replace('/', '.')}/bias"] = _half(bias)
        for key, norm in position.choice_norms():
            scale, shift = norm.folded()
            tensors[f"{name}/{key}/scale"], tensors[f"{name}/{key}/shift"] = _half(scale), _half(shift)
    return tensors


def load_shared(space: ChainSpace, tensors: Mapping[str, Halves]) -> Supernet:
    """A supernet with frozen statistics that computes what the artefact's tensors say; to check, not to train on."""
    supernet = Supernet(space)
    with torch.no_grad():
        for name, position in _positions(supernet):
            for key, weight in position.weights.items():
                weight.copy_(_wide(tensors[f"{name}/{key.replace('/', '.')}"]))
            for key, bias in position.biases.items():
                bias.copy_(_wide(tensors[f"{name}/{key.replace('/', '.')}/bias"]))
            for key, norm in position.choice_norms():
                norm.gamma.copy_(_wide(tensors[f"{name}/{key}/scale"]))
                norm.beta.copy_(_wide(tensors[f"{name}/{key}/shift"]))
                norm.mean.zero_()
                norm.variance.fill_(1.0 - BATCH_NORM_EPS)
    supernet.frozen_statistics = True
    return supernet.eval()


def _positions(supernet: Supernet) -> list[tuple[str, Position]]:
    return [(name, position) for name, position in supernet.positions.items() if isinstance(position, Position)]


def _half(tensor: Tensor) -> Halves:
    return tensor.detach().cpu().numpy().astype(np.float16)


def _wide(array: Halves) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
