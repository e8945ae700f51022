"""Supernet: one PyTorch module that holds the shared weights of every architecture of a chain space.

Convolutions of one position share a tensor per `shared_name`: smaller expansions are its leading channels, smaller
kernels its centre (once-for-all, Cai et al. 2020); the affine map of batch norm is shared in the same way. Its
statistics are not: every convolution of every choice has its own, because activations of an expansion-1 and an
expansion-6 block differ (compare slimmable networks, Yu et al. 2019).

Two modes of batch norm:
* batch statistics (`frozen_statistics` False): ordinary training; running statistics follow by moving average;
* frozen statistics (True): the running statistics are constants, folded into the convolution as in the exported
  network, so that what is trained is exactly what is deployed, without recalibration (ADR 0002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.space.architecture import Architecture
from search.space.blocks.base import Block, Convolution
from search.space.blocks.head import Head
from search.space.blocks.inverted_residual import InvertedResidual
from search.space.chain import ChainSpace
from search.supernet.training.depthwise import depthwise

BATCH_NORM_EPS = 1e-5
BATCH_NORM_MOMENTUM = 0.05
_CLASSIFIER_SD = 0.01


class ChoiceNorm(nn.Module):
    """Running statistics `(channels,)` of one convolution in one choice."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.fixed: tuple[Tensor, Tensor] | None = None
        """Scale and shift read from an artefact, instead of statistics and affine map."""


Observer = Callable[[ChoiceNorm, Tensor], None]
"""Called with a norm and its input, before normalisation."""


def norm_name(label: str, convolution: str) -> str:
    """Key of a norm within its position; module names may not hold dots."""
    return f"{label}/{convolution}"


class Position(nn.Module):
    """Everything one place of the network shares: weights by `shared_name`, norms by choice and convolution."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.observer: Observer | None = None
        self.weights = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self.gammas = nn.ParameterDict()
        self.betas = nn.ParameterDict()
        self.norms = nn.ModuleDict()
        for block in blocks:
            for spec in block.convolutions:
                self._widen(spec)
                if spec.normalised:
                    self.norms[norm_name(block.label, spec.name)] = ChoiceNorm(spec.out_channels)
            if isinstance(block, InvertedResidual) and block.has_identity:
                # Blocks beside an identity start as nothing but the identity (Goyal et al. 2017, section 5.1), so
                # that choices trained late do not disturb a path.
                nn.init.zeros_(self.gammas[_key(block.convolutions[-1].shared_name)])
        for name, weight in self.weights.items():
            if name in self.biases:
                nn.init.normal_(weight, std=_CLASSIFIER_SD)
            else:
                dense = weight.shape[1] > 1
                nn.init.kaiming_normal_(weight, mode="fan_out" if dense else "fan_in", nonlinearity="relu")

    def _widen(self, spec: Convolution) -> None:
        """Make room for a convolution in what it shares."""
        key = _key(spec.shared_name)
        shape = spec.weight_shape
        if key in self.weights:
            shape = tuple(max(sizes) for sizes in zip(shape, self.weights[key].shape, strict=True))
        self.weights[key] = nn.Parameter(torch.empty(shape))
        if spec.normalised:
            self.gammas[key] = nn.Parameter(torch.ones(shape[0]))
            self.betas[key] = nn.Parameter(torch.zeros(shape[0]))
        else:
            self.biases[key] = nn.Parameter(torch.zeros(shape[0]))

    def affine(self, spec: Convolution) -> tuple[Tensor, Tensor]:
        """Gamma and beta `(out,)` of one convolution."""
        key = _key(spec.shared_name)
        return self.gammas[key][: spec.out_channels], self.betas[key][: spec.out_channels]

    def folded(self, block: Block, spec: Convolution) -> tuple[Tensor, Tensor]:
        """Scale and shift `(out,)` that the norm of a choice is at its running statistics."""
        norm = cast("ChoiceNorm", self.norms[norm_name(block.label, spec.name)])
        if norm.fixed is not None:
            return norm.fixed
        gamma, beta = self.affine(spec)
        scale = gamma * torch.rsqrt(norm.variance + BATCH_NORM_EPS)
        return scale, beta - norm.mean * scale

    def fix_norm(self, block: Block, spec: Convolution, scale: Tensor, shift: Tensor) -> None:
        """Use this scale and shift from now on."""
        cast("ChoiceNorm", self.norms[norm_name(block.label, spec.name)]).fixed = (scale, shift)

    def weight(self, spec: Convolution) -> Tensor:
        """The shared tensor cut to one convolution, `spec.weight_shape`."""
        return cut(self.weights[_key(spec.shared_name)], spec)

    def convolve(self, x: Tensor, block: Block, spec: Convolution, frozen: bool) -> Tensor:
        """One convolution with its norm and activation."""
        weight = self.weight(spec)
        if frozen:
            scale, shift = self.folded(block, spec)
            y = _convolution(x, weight * scale[:, None, None, None], shift, spec)
        else:
            norm = cast("ChoiceNorm", self.norms[norm_name(block.label, spec.name)])
            y = _convolution(x, weight, None, spec)
            if self.observer is not None:
                self.observer(norm, y)
            gamma, beta = self.affine(spec)
            y = F.batch_norm(
                y, norm.mean, norm.variance, gamma, beta, self.training, BATCH_NORM_MOMENTUM, BATCH_NORM_EPS
            )
        return F.relu(y, inplace=True) if spec.relu else y

    def forward(self, x: Tensor, block: Block, frozen: bool) -> Tensor:
        """Apply one block of this position."""
        if isinstance(block, InvertedResidual):
            return self._inverted_residual(x, block, frozen)
        if isinstance(block, Head):
            return self._head(x, block, frozen)
        for spec in block.convolutions:
            x = self.convolve(x, block, spec, frozen)
        return x

    def _inverted_residual(self, x: Tensor, block: InvertedResidual, frozen: bool) -> Tensor:
        expand, depthwise, project = block.convolutions
        y = self.convolve(x, block, expand, frozen)
        if block.groups > 1:
            y = F.channel_shuffle(y, block.groups)
        y = self.convolve(y, block, depthwise, frozen)
        y = self.convolve(y, block, project, frozen)
        return x + y if block.has_identity else y

    def _head(self, x: Tensor, block: Head, frozen: bool) -> Tensor:
        hidden, classifier = block.convolutions
        y = self.convolve(x, block, hidden, frozen).mean((2, 3))
        return F.linear(y, self.weight(classifier).flatten(1), self.biases[_key(classifier.shared_name)])


class Supernet(nn.Module):
    """All architectures of a chain space; `forward` runs one of them."""

    def __init__(self, space: ChainSpace) -> None:
        super().__init__()
        self.space = space
        self.frozen_statistics = False
        self.positions = nn.ModuleDict()
        for name, blocks in zip(space.positions, [(space.stem,), *space.layers, (space.head,)], strict=True):
            self.positions[name] = Position(blocks)

    def position(self, name: str) -> Position:
        """The part of the network at one place."""
        position = self.positions[name]
        if not isinstance(position, Position):  # what ModuleDict's type cannot say
            raise TypeError(name)
        return position

    def norms(self) -> Iterator[ChoiceNorm]:
        """Every choice's norms, in a stable order."""
        return (module for module in self.modules() if isinstance(module, ChoiceNorm))

    def observe(self, observer: Observer | None) -> None:
        """Call `observer` at every norm from now on; None ends it."""
        for position in self.positions.values():
            cast(Position, position).observer = observer

    def forward(self, images: Tensor, architecture: Architecture) -> Tensor:
        """Logits `(batch, classes)` of one architecture for normalised images `(batch, channels, size, size)`."""
        x = images
        for name, block in zip(architecture.positions, architecture.blocks, strict=True):
            x = self.positions[name](x, block, self.frozen_statistics)
        return x


def cut(shared: Tensor, spec: Convolution) -> Tensor:
    """Leading channels and central kernel positions of a shared weight."""
    out, per_group, kernel, _ = spec.weight_shape
    margin = (shared.shape[-1] - kernel) // 2
    return shared[:out, :per_group, margin : margin + kernel, margin : margin + kernel]


def _convolution(x: Tensor, weight: Tensor, bias: Tensor | None, spec: Convolution) -> Tensor:
    if spec.groups == spec.in_channels == spec.out_channels:
        return depthwise(x, weight, bias, spec.stride)
    return F.conv2d(x, weight, bias, spec.stride, spec.kernel // 2, 1, spec.groups)


def _key(shared_name: str) -> str:
    return shared_name.replace(".", "/")
