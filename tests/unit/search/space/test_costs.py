"""Macs, params and peak memory: by hand, and against a recorded graph that counts for itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.space.base import random_genomes
from search.space.blocks.base import Block, activation_bytes
from search.space.blocks.head import Head
from search.space.blocks.inverted_residual import InvertedResidual
from search.space.blocks.skip import Skip
from search.space.blocks.stem import Stem
from search.space.chain import ChainSpace
from tests.unit.search.space.recording_graph import RecordingGraph, recorded


def test_a_network_by_hand(tiny: ChainSpace) -> None:
    """Every line is (in / groups) * out * kernel^2 * pixels, from pencil and paper."""
    stem = 3 * 8 * 9 * 256
    layer1 = 4 * 8 * 256 + 8 * 9 * 256 + 4 * 8 * 256
    layer2 = 8 * 8 * 256 + 8 * 9 * 64 + 8 * 16 * 64
    layer3 = 16 * 16 * 64 + 16 * 9 * 64 + 16 * 16 * 64
    layer4 = 16 * 16 * 64 + 16 * 9 * 16 + 16 * 32 * 16
    head = 32 * 64 * 16 + 64 * 10
    architecture = tiny.architecture((0, 0, 0, 0))
    assert [block.macs for block in architecture.blocks] == [stem, layer1, layer2, layer3, layer4, head]
    assert architecture.macs == 221_568
    assert [block.params for block in architecture.blocks] == [224, 160, 296, 704, 976, 2762]
    assert architecture.params == 5_122
    assert architecture.size_bytes == 20_488
    assert architecture.peak_activation_bytes == 4 * 3 * 8 * 16 * 16


def test_the_smallest_network_by_hand(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((2, 2, 2, 2))
    assert [block.macs for block in architecture.blocks] == [55_296, 0, 8_192, 0, 8_192, 33_408]
    assert [block.params for block in architecture.blocks] == [224, 0, 144, 0, 544, 2762]
    assert architecture.peak_activation_bytes == 4 * (3 * 1024 + 8 * 256)
    assert [str(key).split()[0] for key in architecture.operator_keys] == ["stem", "skip", "skip", "head"]


def assert_costs_are_recorded(space: ChainSpace, genome: tuple[int, ...]) -> None:
    architecture = space.architecture(genome)
    graph, logits = recorded(architecture)
    assert graph.shapes[logits] == (space.classes, 1, 1)
    assert graph.macs == architecture.macs
    assert graph.params == architecture.params
    assert graph.peak_bytes() == architecture.peak_activation_bytes


def test_every_tiny_network_costs_what_its_graph_does(tiny: ChainSpace) -> None:
    for genome in itertools.product(range(3), repeat=4):
        assert_costs_are_recorded(tiny, genome)


def test_networks_of_the_large_space_cost_what_their_graphs_do(fbnet: ChainSpace) -> None:
    for genome in random_genomes(fbnet, 150, np.random.default_rng(11)):
        assert_costs_are_recorded(fbnet, tuple(genome.tolist()))


def test_shapes_follow_one_another(fbnet: ChainSpace) -> None:
    for genome in random_genomes(fbnet, 50, np.random.default_rng(2)):
        blocks = fbnet.architecture(genome).blocks
        assert all(one.out_shape == other.in_shape for one, other in itertools.pairwise(blocks))


def block_graph(block: Block) -> tuple[RecordingGraph, str]:
    graph = RecordingGraph({"x": block.in_shape})
    return graph, block.emit(graph, "x", name="block")


kernels = st.sampled_from([1, 3, 5, 7])
channels = st.sampled_from([2, 4, 6, 16])
sizes = st.integers(1, 17)
strides = st.integers(1, 3)


@st.composite
def inverted_residuals(draw: st.DrawFn) -> InvertedResidual:
    size = draw(sizes)
    shape = (draw(channels), size, size)
    expansion, groups = draw(st.integers(1, 6)), draw(st.sampled_from([1, 2]))
    return InvertedResidual("b", shape, draw(channels), draw(strides), draw(kernels), expansion, groups)


@st.composite
def skips(draw: st.DrawFn) -> Skip:
    size = draw(sizes)
    return Skip("s", (draw(channels), size, size), draw(channels), draw(strides))


@st.composite
def stems(draw: st.DrawFn) -> Stem:
    size = draw(sizes)
    return Stem("stem", (draw(channels), size, size), draw(channels), draw(kernels), draw(strides))


@st.composite
def heads(draw: st.DrawFn) -> Head:
    size = draw(sizes)
    return Head("head", (draw(channels), size, size), draw(st.integers(1, 40)), draw(st.integers(2, 200)))


blocks = st.one_of(inverted_residuals(), skips(), stems(), heads())


@settings(max_examples=300)
@given(blocks)
def test_any_block_costs_what_its_graph_does(block: Block) -> None:
    graph, value = block_graph(block)
    assert graph.shapes[value] == block.out_shape
    assert graph.macs == block.macs
    assert graph.params == block.params
    assert max(graph.peak_bytes(), activation_bytes(block.in_shape)) == block.peak_activation_bytes


@given(blocks)
def test_a_block_without_a_key_computes_nothing(block: Block) -> None:
    assert (block.operator_key is None) == (not block.convolutions) == (block.macs == 0)
    if block.operator_key is not None:
        assert (block.operator_key.in_shape, block.operator_key.out_shape) == (block.in_shape, block.out_shape)


@given(blocks, blocks)
def test_equal_keys_mean_equal_costs(one: Block, other: Block) -> None:
    if one.operator_key is not None and one.operator_key == other.operator_key:
        assert (one.macs, one.params) == (other.macs, other.params)


@pytest.mark.parametrize(
    ("block", "floats"),
    [
        (InvertedResidual("b", (8, 4, 4), 8, 1, 3, 1), 3 * 8 * 16),
        (InvertedResidual("b", (8, 4, 4), 8, 1, 3, 6), (8 + 48 + 48) * 16),
        (InvertedResidual("b", (8, 4, 4), 16, 1, 3, 6), 2 * 48 * 16),
        (InvertedResidual("b", (8, 4, 4), 16, 2, 3, 6), 48 * 16 + 48 * 4),
        (InvertedResidual("b", (8, 4, 4), 16, 2, 3, 6, groups=2), 2 * 48 * 16),
        (Skip("s", (8, 4, 4), 8, 1), 8 * 16),
        (Skip("s", (8, 4, 4), 16, 2), 8 * 16 + 16 * 4),
        (Stem("stem", (3, 8, 8), 16, 3, 1), 3 * 64 + 16 * 64),
        (Head("head", (8, 4, 4), 32, 10), 8 * 16 + 32 * 16),
        (Head("head", (64, 1, 1), 4, 1000), 4 + 1000),
        (Head("head", (2, 1, 1), 32, 10), 64),
    ],
)
def test_peak_memory_by_hand(block: Block, floats: int) -> None:
    assert block.peak_activation_bytes == 4 * floats


@pytest.mark.parametrize(
    ("block", "identity"),
    [
        (Skip("s", (8, 4, 4), 8, 1), True),
        (Skip("s", (8, 4, 4), 8, 2), False),
        (Skip("s", (8, 4, 4), 16, 1), False),
        (Skip("s", (8, 1, 1), 8, 2), True),
    ],
)
def test_a_skip_is_an_identity_where_the_shape_is_unchanged(block: Skip, identity: bool) -> None:
    graph, value = block_graph(block)
    assert block.is_identity == identity
    assert (value == "x") == identity
    assert bool(graph.nodes) != identity


def test_a_grouped_block_shuffles_between_its_convolutions() -> None:
    graph, value = block_graph(InvertedResidual("b", (4, 8, 8), 4, 1, 3, 3, groups=2))
    names = [output for _, output in graph.nodes]
    assert names == ["block/expand", "block/shuffle", "block/depthwise", "block/project", "block/add"]
    assert graph.nodes[-1] == (("x", "block/project"), value)


def test_only_the_last_convolution_of_a_block_is_linear() -> None:
    assert [part.relu for part in InvertedResidual("b", (4, 8, 8), 4, 1, 3, 3).convolutions] == [True, True, False]
    assert [part.relu for part in Head("head", (4, 8, 8), 16, 10).convolutions] == [True, False]
