"""The search: its time, its front against random search, and the true front of a small space; or on a table.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.search [--seeds 10] [--json OUT]
OPENBLAS_NUM_THREADS=1 python -m benchmarks.search --table FILE.npz --error KEY --cost KEY [--budgets 50,100,200]
    [--seeds 10] [--methods ours,random,nsga2,tpe,optuna-nsga2,gp] [--json OUT] [--plot OUT.png]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import search
from benchmarks.tabular import Contest, compare, write
from benchmarks.tabular_methods import METHODS
from latency_tables import OperatorKey, shipped_tables
from search import (
    ErrorPredictor,
    Genomes,
    LatencySource,
    SearchResources,
    SearchSpec,
    Space,
    TabularFileError,
    load_space,
    random_genomes,
    reachable_ranges,
    read_artefact,
    run_search,
)
from search.front.hypervolume import Box
from search.front.pareto import RunningFront
from search.objectives.columns import objective_columns
from search.objectives.objective import make_objectives

LARGE = SearchSpec("fbnet-cifar10", ("raspberry-pi-4", "pixel-3"), population=96, generations=150)
SMALL = SearchSpec("tiny-cifar10", ("made-up",), population=24, generations=30)
TIMES_RANDOM = 10
MOST_SECONDS = 10.0
_PRETRAINED = Path(search.__file__).parent / "pretrained"
_BATCH = 4800


@dataclass(frozen=True)
class MadeUpTable:
    """A latency by formula, for a space without a table: 1 ms and the size of every operator's output."""

    device: str = "made-up"
    fixed_ms: float = 1.0
    kind: str = "estimated"
    operators: tuple[OperatorKey, ...] = ()
    covers: tuple[OperatorKey, ...] = ()
    neighbour_ms: Mapping[tuple[OperatorKey, OperatorKey], float] = field(default_factory=dict)
    has_interval: bool = False

    def half_width_ms(self, counts: np.ndarray, latency_ms: np.ndarray) -> None:
        """Unknown."""
        del counts, latency_ms

    def missing(self, keys: tuple[OperatorKey, ...]) -> tuple[OperatorKey, ...]:
        """None."""
        del keys
        return ()

    def latency_ms(self, key: OperatorKey) -> float:
        """Output elements times kernel and expansion, over 65,536."""
        attributes = dict(key.attributes)
        channels, height, width = key.out_shape
        return channels * height * width * attributes.get("expansion", 1) * attributes.get("kernel", 1) / 65_536


def fit_predictor(space: Space) -> tuple[ErrorPredictor, str]:
    """The space's predictor and what it rests on: the shipped supernet; made-up errors for the small space alone.

    Raises:
        ArtefactError: the shipped supernet is missing or damaged.
    """
    if space.name != SMALL.space:
        evaluations = read_artefact(_PRETRAINED / space.name, space).evaluations
        return ErrorPredictor.fit(space, evaluations.genomes, evaluations.error), "shipped supernet"
    genomes = random_genomes(space, 600, np.random.default_rng(0))
    size = np.log(space.tabulate(lambda block: block.macs).total(genomes))
    effects = np.random.default_rng(1).normal(0, 0.01, (genomes.shape[1], int(space.n_choices.max())))
    errors = 0.2 - 0.05 * (size - size.mean()) + effects[np.arange(genomes.shape[1]), genomes].sum(axis=1)
    return ErrorPredictor.fit(space, genomes, np.clip(errors, 0.02, 0.98)), "errors made up by a formula"


def values_of(spec: SearchSpec, resources: SearchResources, genomes: Genomes) -> np.ndarray:
    """Objectives, `(n, m)`."""
    objectives = make_objectives(resources, objective_columns(spec)).values()
    return np.column_stack([objective.values(genomes) for objective in objectives])


def random_hypervolume(spec: SearchSpec, resources: SearchResources, box: Box) -> float:
    """Of the front of ten times as many random genomes as the search evaluates."""
    rng = np.random.default_rng([spec.seed, 1])
    front = RunningFront(len(resources.space.n_choices), len(objective_columns(spec)))
    for _ in range(TIMES_RANDOM * spec.population * spec.generations // _BATCH):
        genomes = random_genomes(resources.space, _BATCH, rng)
        front.update(genomes, values_of(spec, resources, genomes))
    return box.hypervolume(front.values)


def true_front(spec: SearchSpec, resources: SearchResources) -> set[tuple[int, ...]]:
    """By comparing every architecture of the space with every other; of equal ones the first."""
    n_choices = tuple(resources.space.n_choices.tolist())
    genomes = np.stack(np.unravel_index(np.arange(np.prod(n_choices)), n_choices), axis=1).astype(np.int64)
    values = values_of(spec, resources, genomes)
    kept = set()
    for row, value in enumerate(values):
        dominated = ((values <= value).all(axis=1) & (values < value).any(axis=1)).any()
        if not dominated and not (values[:row] == value).all(axis=1).any():
            kept.add(tuple(genomes[row].tolist()))
    return kept


def against_random(seeds: int) -> dict[str, Any]:
    """Time and hypervolume of full searches, one per seed."""
    space = load_space(LARGE.space)
    start = time.perf_counter()
    predictor, basis = fit_predictor(space)
    fitted_s = time.perf_counter() - start
    shipped = shipped_tables()
    tables: dict[str, LatencySource] = {device: shipped[device, space.name] for device in LARGE.devices}
    resources = SearchResources(space, predictor, tables)
    reaches = reachable_ranges(LARGE, resources).values()
    box = Box(np.array([reach.lowest for reach in reaches]), np.array([reach.highest for reach in reaches]))
    rows = []
    for seed in range(seeds):
        spec = replace(LARGE, seed=seed)
        start = time.perf_counter()
        result = run_search(spec, resources)
        seconds = time.perf_counter() - start
        at_random = random_hypervolume(spec, resources, box)
        rows.append(
            {
                "seed": seed,
                "seconds": seconds,
                "front": len(result.front),
                "hypervolume": result.hypervolume[-1],
                "random": at_random,
            }
        )
    return {"errors": basis, "predictor_seconds": fitted_s, "searches": rows}


def small_space(seeds: int) -> dict[str, Any]:
    """How many seeds find the true front exactly."""
    space = load_space(SMALL.space)
    predictor, basis = fit_predictor(space)
    resources = SearchResources(space, predictor, {"made-up": MadeUpTable()})
    expected = true_front(SMALL, resources)
    found = [
        {item.genome for item in run_search(replace(SMALL, seed=seed), resources).front} == expected
        for seed in range(seeds)
    ]
    return {"errors": basis, "latency": "made up by a formula", "front": len(expected), "exact": sum(found)}


def on_a_table(arguments: argparse.Namespace) -> int:
    """Compare methods on a published table; 1 when the table cannot be used."""
    contest = Contest(
        arguments.table, arguments.error, arguments.cost, arguments.budgets, arguments.seeds, arguments.methods
    )
    try:
        rows = compare(contest, arguments.plot)
    except TabularFileError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        write(rows, arguments.json)
    return 0


def parse(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; SystemExit with a message when it is wrong."""
    parser = argparse.ArgumentParser(description="Time and quality of the search.")
    parser.add_argument("--seeds", type=_positive, default=10, help="searches of each kind")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    table = parser.add_argument_group("on a published table")
    table.add_argument("--table", type=Path, help=".npz with genes, n_choices and columns; then only this is run")
    table.add_argument("--error", help="key of the error, percent or fraction")
    table.add_argument("--cost", help="key of the cost")
    table.add_argument("--budgets", type=_positives, default=(50, 100, 200), help="evaluations, separated by commas")
    table.add_argument("--methods", type=_methods, default=tuple(METHODS), help=f"of {', '.join(METHODS)}")
    table.add_argument("--plot", type=Path, help="draw the methods here, a .png")
    arguments = parser.parse_args(given)
    if arguments.table is not None and not (arguments.error and arguments.cost):
        parser.error("--table needs --error and --cost")
    return arguments


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return int(text)


def _positives(text: str) -> tuple[int, ...]:
    return tuple(_positive(part.strip()) for part in text.split(","))


def _methods(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in names if name not in METHODS]:
        raise argparse.ArgumentTypeError(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    return names


def main() -> int:
    """Print the figures; 1 when one is missed, or a table cannot be used."""
    arguments = parse()
    if arguments.table is not None:
        return on_a_table(arguments)
    large, small = against_random(arguments.seeds), small_space(arguments.seeds)
    print(f"{LARGE.space}, {LARGE.population} x {LARGE.generations}, {', '.join(LARGE.devices)}; {large['errors']}")
    print(f"predictor fitted in {large['predictor_seconds']:.1f} s")
    print(f"seed  seconds  front  hypervolume  random x {TIMES_RANDOM}")
    rows = large["searches"]
    for row in rows:
        print("{seed:>4}  {seconds:>7.2f}  {front:>5}  {hypervolume:>11.5f}  {random:>9.5f}".format(**row))
    above = sum(row["hypervolume"] > row["random"] for row in rows)
    slowest = max(row["seconds"] for row in rows)
    print(f"above random search: {above} of {len(rows)} seeds; slowest search {slowest:.2f} s")
    print(
        f"{SMALL.space}, latency {small['latency']}, {small['errors']}: true front of {small['front']} found exactly"
        f" by {small['exact']} of {arguments.seeds} seeds"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"large": large, "small": small}, indent=1) + "\n", encoding="utf-8")
    return 0 if above == len(rows) and small["exact"] == arguments.seeds and slowest <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
