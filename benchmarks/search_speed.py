"""Seconds of one plain search (predictor and tables), part by part, beside pymoo, and how they grow.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.search_speed [--seeds 10] [--repeats 3] [--quick] [--json OUT]

Every figure is CPU time of this process, the least of the repeats, which take turns: on a machine that others use,
seconds on the wall say nothing. pymoo's two searches of the same space: with a tiny network as predictor and the same
two tables (the reference's 2.07 s), and with our predictor, tables and operators (what the search took before).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.pymoo_nsga2 import PymooNsga2
from benchmarks.search import MadeUpTable, fit_predictor
from latency_tables import shipped_tables
from search import ErrorPredictor, Genomes, SearchResources, SearchSpec, Space, load_space, random_genomes, run_search
from search.evolution.nsga2 import Nsga2
from search.front.items import front_items
from search.front.pareto import RunningFront
from search.objectives.box import box_of
from search.objectives.columns import objective_columns
from search.objectives.evaluator import Evaluator
from search.objectives.objective import make_objectives
from search.objectives.start import first_genomes
from search.space.base import one_hot
from search.space.chain import read_chain_space

DEVICES = ("raspberry-pi-4", "pixel-3")
WHOLE = SearchSpec("fbnet-cifar10", DEVICES, population=100, generations=500)
POPULATIONS = (100, 400, 1600)
LAYERS = (1, 2, 4)
"""Times the layers of the space."""
GROWTH_GENERATIONS = 100
MOST_SECONDS = 2.0
_CATALOGUE = Path(__file__).parents[1] / "search" / "space" / "catalogue"
_HIDDEN = 32


@dataclass
class Stopwatch:
    """CPU seconds by part."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Count what happens inside towards a part."""
        start = time.process_time()
        yield
        self.seconds[part] += time.process_time() - start


@dataclass(frozen=True)
class TimedPredictor:
    """A predictor whose means are counted."""

    predictor: ErrorPredictor
    watch: Stopwatch

    def mean(self, genomes: Genomes) -> np.ndarray:
        """As the predictor's."""
        with self.watch.on("predictor"):
            return self.predictor.mean(genomes)

    def predict(self, genomes: Genomes) -> Any:
        """As the predictor's."""
        return self.predictor.predict(genomes)


class TinyNetwork:
    """A predictor with 32 hidden units and weights drawn at random: what the reference's search asks."""

    def __init__(self, space: Space) -> None:
        rng = np.random.default_rng(0)
        self.space = space
        self.first = rng.normal(0, 0.3, (int(space.n_choices.sum()), _HIDDEN))
        self.second = rng.normal(0, 0.3, _HIDDEN)

    def mean(self, genomes: Genomes) -> np.ndarray:
        """Between 0 and 1, `(n,)`."""
        hidden = np.maximum(one_hot(self.space, genomes) @ self.first, 0.0)
        return np.asarray(1.0 / (1.0 + np.exp(-hidden @ self.second)))


def resources_of(space: Space, predictor: Any) -> SearchResources:
    """With the shipped tables of two devices."""
    shipped = shipped_tables()
    return SearchResources(space, predictor, {device: shipped[device, space.name] for device in DEVICES})


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def evolve(spec: SearchSpec, resources: SearchResources, kind: type, watch: Stopwatch) -> RunningFront:
    """The engine's loop with any evolution, timed part by part; the hypervolume is that of every generation."""
    columns = objective_columns(spec)
    rng = np.random.default_rng(spec.seed)
    with watch.on("start"):
        objectives = make_objectives(resources, columns)
        evaluator = Evaluator(objectives, columns, ())
        box = box_of(columns, (), objectives)
        first = first_genomes(spec, resources.space, columns, objectives, rng)
    front = RunningFront(len(resources.space.n_choices), len(columns))
    evolution = kind(resources.space.n_choices, len(columns), spec.population, rng, first)
    for _ in range(spec.generations):
        with watch.on("mating"):
            genomes = evolution.ask()
        with watch.on("evaluation"):
            evaluation = evaluator.evaluate(genomes)
        with watch.on("survival"):
            evolution.tell(evaluation.values, evaluation.violation)
        with watch.on("front"):
            changed = front.update(genomes, evaluation.values)
        with watch.on("hypervolume"):
            if changed:
                box.hypervolume(front.values)
    return front


def parts(resources: SearchResources, spec: SearchSpec) -> dict[str, float]:
    """CPU seconds of one search by part; `tables and archive` is evaluation without the predictor."""
    watch = Stopwatch()
    timed = replace(resources, predictor=TimedPredictor(resources.predictor, watch))  # type: ignore[arg-type]
    front = evolve(spec, timed, Nsga2, watch)
    in_start = watch.seconds["predictor"]
    with watch.on("front items"):
        front_items(resources, spec.devices, front)
    seconds = dict(watch.seconds)
    seconds["tables and archive"] = max(seconds.pop("evaluation") + seconds["start"] - in_start, 0.0)
    seconds.pop("start")
    return seconds


def whole(space: Space, predictor: ErrorPredictor, repeats: int, spec: SearchSpec) -> dict[str, Any]:
    """Seconds of whole searches: ours, pymoo with a tiny network, and pymoo in the place of our evolution."""
    ours, tiny = resources_of(space, predictor), resources_of(space, TinyNetwork(space))
    runs: dict[str, Callable[[], object]] = {
        "ours": lambda: run_search(spec, ours),
        "pymoo, tiny network": lambda: evolve(spec, tiny, PymooNsga2, Stopwatch()),
        "pymoo in our place": lambda: evolve(spec, ours, PymooNsga2, Stopwatch()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds[name].append(cpu_seconds(run))
    least = {name: min(times) for name, times in seconds.items()}
    ratios = {name: least["ours"] / other for name, other in least.items() if name != "ours"}
    return {"seconds": least, "ratio": ratios, "parts": parts(ours, spec), "all": seconds}


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of a line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def growth(points: dict[int, Callable[[], object]], repeats: int) -> dict[str, Any]:
    """Least CPU seconds by size, and their exponent beside that of n log n over the same sizes."""
    seconds = {size: min(cpu_seconds(run) for _ in range(repeats)) for size, run in points.items()}
    sizes = list(seconds)
    of_n_log_n = exponent(sizes, [size * np.log(size) for size in sizes])
    return {"seconds": seconds, "exponent": exponent(sizes, list(seconds.values())), "n_log_n": of_n_log_n}


def longer_space(times: int, folder: Path) -> Space:
    """The large space with every layer so many times."""
    document = json.loads((_CATALOGUE / f"{WHOLE.space}.json").read_text(encoding="utf-8"))
    document["name"] = f"{WHOLE.space}-x{times}"
    for stage in document["stages"]:
        stage["layers"] = [stage["layers"][0], *(stage["layers"][1:] or stage["layers"]) * times][
            : times * len(stage["layers"])
        ]
    path = folder / f"{document['name']}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return read_chain_space(path)


def made_up_resources(space: Space) -> SearchResources:
    """A predictor fitted on errors by a formula, and two tables by a formula."""
    genomes = random_genomes(space, 200, np.random.default_rng(0))
    size = np.log(space.tabulate(lambda block: block.macs).total(genomes))
    errors = np.clip(0.2 - 0.05 * (size - size.mean()), 0.02, 0.98)
    tables = {device: MadeUpTable(device, float(place)) for place, device in enumerate(DEVICES)}
    return SearchResources(space, ErrorPredictor.fit(space, genomes, errors), tables)


def quality(space: Space, predictor: ErrorPredictor, seeds: int, spec: SearchSpec) -> dict[str, Any]:
    """Final hypervolume of our search and of pymoo in its place, seed by seed, in one box."""
    resources = resources_of(space, predictor)
    columns = objective_columns(spec)
    box = box_of(columns, (), make_objectives(resources, columns))
    rows = []
    for seed in range(seeds):
        ours = run_search(replace(spec, seed=seed), resources).hypervolume[-1]
        pymoo = box.hypervolume(evolve(replace(spec, seed=seed), resources, PymooNsga2, Stopwatch()).values)
        rows.append({"seed": seed, "ours": ours, "pymoo": pymoo})
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("ours", "pymoo")}
    deviations = {name: float(np.std([row[name] for row in rows])) for name in ("ours", "pymoo")}
    return {"seeds": rows, "mean": means, "sd": deviations}


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures."""
    shrink = 10 if arguments.quick else 1
    spec = replace(WHOLE, generations=WHOLE.generations // shrink)
    space = load_space(WHOLE.space)
    start = time.process_time()
    predictor, basis = fit_predictor(space)
    fitted_s = time.process_time() - start
    resources = resources_of(space, predictor)
    generations = GROWTH_GENERATIONS // shrink

    def of_population(population: int) -> Callable[[], object]:
        return lambda: run_search(replace(spec, population=population, generations=generations), resources)

    def of_layers(times: int) -> tuple[int, Callable[[], object]]:
        longer = longer_space(times, folder)
        made_up = made_up_resources(longer)
        one = replace(spec, space=longer.name, generations=generations)
        return len(longer.n_choices), lambda: run_search(one, made_up)

    return {
        "space": space.name,
        "genes": len(space.n_choices),
        "population": spec.population,
        "generations": spec.generations,
        "errors": basis,
        "predictor_fit_seconds": fitted_s,
        "whole": whole(space, predictor, arguments.repeats, spec),
        "growth_with_population": growth({size: of_population(size) for size in POPULATIONS}, arguments.repeats),
        "growth_with_genes": growth(dict(map(of_layers, LAYERS)), arguments.repeats),
        "hypervolume": quality(space, predictor, arguments.seeds, spec),
    }


def report(figures: dict[str, Any]) -> None:
    """Print the figures."""
    whole_search = figures["whole"]
    print("{space}, {genes} genes, {population} x {generations}, two devices; CPU seconds; {errors}".format(**figures))
    print(f"predictor fitted in {figures['predictor_fit_seconds']:.1f} s, not counted below")
    for name, seconds in whole_search["seconds"].items():
        ratio = f"  ours takes {whole_search['ratio'][name]:.2f} of it" if name in whole_search["ratio"] else ""
        print(f"  {name:<22} {seconds:>7.2f} s{ratio}")
    listed = ", ".join(f"{name} {seconds:.2f}" for name, seconds in whole_search["parts"].items())
    print(f"  parts of ours: {listed}")
    for name in ("growth_with_population", "growth_with_genes"):
        grown = figures[name]
        points = ", ".join(f"{size}: {seconds:.2f} s" for size, seconds in grown["seconds"].items())
        print(f"{name.replace('_', ' ')}: {points}; exponent {grown['exponent']:.2f}, n log n {grown['n_log_n']:.2f}")
    reached = figures["hypervolume"]
    means = ", ".join(f"{name} {reached['mean'][name]:.6f} (sd {reached['sd'][name]:.6f})" for name in reached["mean"])
    print(f"hypervolume over {len(reached['seeds'])} seeds: {means}")


def is_good(figures: dict[str, Any]) -> bool:
    """Whether every goal is met: the time, its growth with the population, and a hypervolume that did not fall."""
    grown, reached = figures["growth_with_population"], figures["hypervolume"]
    fast = figures["whole"]["seconds"]["ours"] <= MOST_SECONDS
    flat = grown["exponent"] <= grown["n_log_n"]
    # Seeds differ: two standard errors of a mean are no fall.
    margin = 2 * max(reached["sd"].values()) / np.sqrt(len(reached["seeds"]))
    return bool(fast and flat and reached["mean"]["ours"] >= reached["mean"]["pymoo"] - margin)


def main() -> int:
    """Print the figures; 1 when one is missed."""
    parser = argparse.ArgumentParser(description="Seconds of one search, and how they grow.")
    parser.add_argument("--seeds", type=int, default=10, help="searches whose hypervolumes are compared")
    parser.add_argument("--repeats", type=int, default=3, help="of every time; the least counts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the generations: whether it runs at all")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        figures = measure(arguments, Path(folder))
    report(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if is_good(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
