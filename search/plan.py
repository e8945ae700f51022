"""Measurement plans of a space: what the agent times on a device, for `latency_tables` to make a table of.

Handed out by the service (`GET /v1/spaces/{space}/measurement-plan`) and used by `lutnas measure`. The full plan has
every operator alone, and whole networks that show how well their sum holds; the few-shot plan has the few networks
that tell most about a device that is like others. A plan names its recipe, from which `plan_of` makes it again.

Weights in a plan are placeholders: every convolution tiles, cuts and scales one small pool of random numbers, which
onnxruntime folds into ordinary constant weights when it loads the model. A plan of 200 models stays a few MB
instead of several hundred, and the kernels see ordinary, dense, non-zero numbers.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from latency_tables import (
    FITTED,
    HELD_OUT,
    INFORMATIVE_SHARE,
    MeasurementPlan,
    OperatorKey,
    PlanEntry,
    PlanRecipe,
    choose_networks,
    fitted_networks,
)
from search.space.architecture import Architecture
from search.space.base import Genomes, Space, random_genomes
from search.space.blocks.base import Block, Convolution
from search.supernet.onnx_graph import OnnxGraph

_POOL = 4096
_CANDIDATES = 1000
"""Of a few-shot plan's networks."""
_LONGEST_LEAN = 4
"""Steps per gene: enough to end near the smallest or the largest network."""
_BLOCK_MACS = 200_000
"""A block's own cost beside its macs (calls, memory), in macs; only the order of magnitude matters."""
_SPREAD = 0.3
"""How far an operator's cost is expected to be off from what its macs say."""


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
    """Plan for a space: its operators and `networks` distinct architectures. Same arguments, same plan.

    The first 6 of 11 are for fitting: half of them random, half leaning to small or large ones as networks of a
    front do. The others judge the table, and are random.
    """
    rng = np.random.default_rng(seed)
    entries = [_operator_entry(number, block, rng) for number, block in enumerate(space.operators())]
    fitted = fitted_networks(networks)
    leaning = _leaning_genomes(space, 2 * fitted, rng)
    drawn = _distinct(random_genomes(space, 4 * networks, rng))
    first = _distinct(np.vstack([leaning, drawn[: fitted - fitted // 2]]))[-fitted:] if fitted else []
    genomes = list(dict.fromkeys([*first, *drawn]))[:networks]
    entries += [_network_entry(number, space.architecture(genome), rng) for number, genome in enumerate(genomes)]
    return MeasurementPlan(space.name, tuple(entries), PlanRecipe("full", networks))


def few_shot_plan(space: Space, networks: int, *, seed: int = 0) -> MeasurementPlan:
    """Plan of a few whole networks: 7 of 10 are those of a thousand random ones that tell most about the rest.

    The others are any: on them one sees how far networks in general lie from their sum (`choose_for_prior`).
    What is known beforehand is that an operator's cost follows its macs, give or take; so the plan depends on nothing
    but its arguments, and whoever has its recipe can make it again.
    """
    rng = np.random.default_rng(seed)
    genomes = _distinct(random_genomes(space, _CANDIDATES, rng))
    counts = space.operator_counts(np.array(genomes), [_key(block) for block in space.operators()])
    costs = np.array([block.macs + _BLOCK_MACS for block in space.operators()], dtype=np.float64)
    costs /= (counts @ costs).mean()
    most = min(networks, len(genomes))
    covariance = np.diag((_SPREAD * costs) ** 2) + np.outer(costs, costs)
    telling = choose_networks(counts, round(INFORMATIVE_SHARE * most), covariance)
    others = [row for row in range(len(genomes)) if row not in telling]
    chosen = [*telling, *others[: most - len(telling)]]
    entries = [_network_entry(number, space.architecture(genomes[row]), rng) for number, row in enumerate(chosen)]
    return MeasurementPlan(space.name, tuple(entries), PlanRecipe("few-shot", networks))


def plan_of(space: Space, recipe: PlanRecipe) -> MeasurementPlan:
    """The plan that a recipe names, the same bytes each time."""
    if recipe.kind == "few-shot":
        return few_shot_plan(space, recipe.networks)
    return measurement_plan(space, networks=recipe.networks)


def _leaning_genomes(space: Space, n: int, rng: np.random.Generator) -> Genomes:
    """Random genomes moved by random distances to fewer or to more macs, `(n, g)`."""
    genomes = random_genomes(space, n, rng)
    macs = space.tabulate(lambda block: float(block.macs))
    genes = len(space.n_choices)
    direction = rng.choice([-1.0, 1.0], n)
    distance = rng.integers(0, _LONGEST_LEAN * genes + 1, n)
    for step in range(_LONGEST_LEAN * genes):
        moved = genomes.copy()
        gene = rng.integers(0, genes, n)
        moved[np.arange(n), gene] = rng.integers(0, space.n_choices[gene])
        better = direction * (macs.total(moved) - macs.total(genomes)) > 0
        taken = better & (step < distance)
        genomes[taken] = moved[taken]
    return genomes


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
