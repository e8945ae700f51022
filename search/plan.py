"""Measurement plans of a space: what the agent times on a device, for `latency_tables` to make a table of.

Handed out by the service (`GET /v1/spaces/{space}/measurement-plan`) and used by `lutnas measure`. The full plan has
every operator alone, and whole networks that show how well their sum holds. A plan names its recipe.

Weights in a plan are placeholders: every convolution tiles, cuts and scales one small pool of random numbers, which
onnxruntime folds into ordinary constant weights when it loads the model. A plan of 200 models stays a few MB
instead of several hundred, and the kernels see ordinary, dense, non-zero numbers.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from latency_tables import MeasurementPlan, OperatorKey, PlanEntry, PlanRecipe
from search.space.architecture import Architecture
from search.space.base import Genomes, Space, random_genomes
from search.space.blocks.base import Block, Convolution
from search.supernet.onnx_graph import OnnxGraph

FITTED, HELD_OUT = 120, 150
"""Whole networks of a full plan: the first ones are fitted, the last ones judge the table."""
_POOL = 4096


class PlaceholderWeights:
    """Random weights of the usual size (He et al. 2015) that take a few bytes in the file."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pool = rng.standard_normal(_POOL).astype(np.float16)

    def write(self, graph: OnnxGraph, name: str, spec: Convolution) -> tuple[str, str]:
        """Add the nodes that make one weight from the pool, and a bias."""
        pool = self._pool_value(graph)
        count = math.prod(spec.weight_shape)
        repeats = graph.constant(f"{name}/repeats", np.array([count // _POOL + 2]))
        start = int(self._rng.integers(_POOL))
        edges = {"from": start, "to": start + count}
        bounds = [graph.constant(f"{name}/{edge}", np.array([at])) for edge, at in edges.items()]
        shape = graph.constant(f"{name}/shape", np.array(spec.weight_shape))
        fan_in = math.prod(spec.weight_shape[1:])
        scale = graph.constant(f"{name}/scale", np.array([math.sqrt(2.0 / fan_in)], dtype=np.float32))
        values = graph.node("Tile", [pool, repeats], f"{name}/tiled")
        values = graph.node("Slice", [values, *bounds], f"{name}/cut")
        values = graph.node("Reshape", [values, shape], f"{name}/shaped")
        weight = graph.node("Mul", [values, scale], f"{name}/weight")
        return weight, graph.constant(f"{name}/bias", np.full(spec.out_channels, 0.01, dtype=np.float32))

    def _pool_value(self, graph: OnnxGraph) -> str:
        if not graph.has("pool"):
            half = graph.constant("pool_half", self._pool)
            graph.node("Cast", [half], "pool", {"to": 1})
        return "pool"


def measurement_plan(space: Space, *, networks: int = FITTED + HELD_OUT, seed: int = 0) -> MeasurementPlan:
    """Plan for a space: its operators and `networks` distinct random architectures. Same arguments, same plan."""
    rng = np.random.default_rng(seed)
    entries = [_operator_entry(number, block, rng) for number, block in enumerate(space.operators())]
    genomes = _distinct(random_genomes(space, 4 * networks, rng))[:networks]
    entries += [_network_entry(number, space.architecture(genome), rng) for number, genome in enumerate(genomes)]
    return MeasurementPlan(space.name, tuple(entries), PlanRecipe("full", networks))


def _distinct(genomes: Genomes) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(map(tuple, genomes.tolist())))


def _key(block: Block) -> OperatorKey:
    return cast(OperatorKey, block.operator_key)  # a space lists only blocks that have one


def _operator_entry(number: int, block: Block, rng: np.random.Generator) -> PlanEntry:
    graph = OnnxGraph(PlaceholderWeights(rng))
    out = block.emit(graph, "image", name="block")
    key = _key(block)
    shape = block.out_shape[:1] if block.out_shape[1:] == (1, 1) else block.out_shape
    onnx = graph.model(block.in_shape, out, shape, {"operator": str(key)})
    return PlanEntry(f"operator-{number:03d}", (key,), onnx, "operator")


def _network_entry(number: int, architecture: Architecture, rng: np.random.Generator) -> PlanEntry:
    graph = OnnxGraph(PlaceholderWeights(rng))
    x = "image"
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        x = block.emit(graph, x, name=position)
    first, last = architecture.blocks[0], architecture.blocks[-1]
    onnx = graph.model(first.in_shape, x, last.out_shape[:1], {"architecture_id": architecture.architecture_id})
    return PlanEntry(f"network-{number:03d}", architecture.operator_keys, onnx, "network")
