"""The error predictor on networks it has not seen, beside what is known without it.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.predictor --table FILE.npz --error KEY [--labels 50,100,200] [--draws 10]
    [--prior SCORES.npz] [--plot OUT.png] [--json OUT]
OPENBLAS_NUM_THREADS=1 python -m benchmarks.predictor [--npz FILE] [--space NAME] [--splits 10] [--json OUT]

The first on a published table: `OUT` is a list of `{labels, kendall_tau, sd, coverage_90}`. The second on the evaluated
sub-networks of a supernet.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import search
from benchmarks.predictor_table import draw_plot, figures, read_prior, read_task, ridge, tau, trivial
from search import ErrorPredictor, SearchError, Space, load_space
from search.supernet.artefact import Evaluations

HELD_OUT = 200
LEAST_TAU = 0.8
LINE = (
    "{:>5}  {tau:>6.3f}  {tau_macs:>8.3f}  {tau_depth:>9.3f}  {coverage:>8.3f}  {mean_absolute_error:>8.4f}"
    "  {interval_width:>8.4f}  {seconds:>7.1f}"
)
COVERAGE = (0.85, 0.95)


def score_split(space: Space, evaluations: Evaluations, seed: int) -> dict[str, float]:
    """Fit without 200 random sub-networks, then score on them."""
    genomes, errors = evaluations.genomes, evaluations.error
    order = np.random.default_rng(seed).permutation(len(genomes))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    start = time.perf_counter()
    known = evaluations.cross_entropy[train]
    predictor = ErrorPredictor.fit(space, genomes[train], errors[train], cross_entropy=known)
    seconds = time.perf_counter() - start
    prediction, measured = predictor.predict(genomes[test]), errors[test]
    macs = space.tabulate(lambda block: block.macs).total(genomes[test])
    depth = space.tabulate(lambda block: float(block.operator_key is not None)).total(genomes[test])
    return {
        "seed": seed,
        "fitted_on": len(train),
        "seconds": seconds,
        "tau": tau(prediction.mean, measured),
        "tau_macs": tau(-macs, measured),
        "tau_depth": tau(-depth, measured),
        "mean_absolute_error": float(np.abs(prediction.mean - measured).mean()),
        "coverage": float(((prediction.low <= measured) & (measured <= prediction.high)).mean()),
        "interval_width": float((prediction.high - prediction.low).mean()),
    }


def on_a_supernet(arguments: argparse.Namespace) -> int:
    """Print one line per split and the means; 1 when the means miss a figure."""
    shipped = Path(search.__file__).parent / "pretrained" / arguments.space / "evaluations.npz"
    with np.load(arguments.npz or shipped) as archive:
        measured = (archive[key].astype(np.float64) for key in ("error", "cross_entropy"))
        evaluations = Evaluations(archive["genomes"].astype(np.int64), *measured)
    space, errors = load_space(arguments.space), evaluations.error
    rows = [score_split(space, evaluations, seed) for seed in range(arguments.splits)]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    print(f"{len(errors)} sub-networks, error {errors.min():.3f} to {errors.max():.3f}, {HELD_OUT} held out")
    print("split     tau  tau macs  tau depth  coverage  mean abs  interval  fit (s)")
    for row in rows:
        print(LINE.format(row["seed"], **row))
    print(LINE.format("mean", **mean))
    if arguments.json:
        arguments.json.write_text(json.dumps({"splits": rows, "mean": mean}, indent=1) + "\n", encoding="utf-8")
    good = mean["tau"] >= LEAST_TAU and mean["tau"] > mean["tau_macs"]
    return 0 if good and COVERAGE[0] <= mean["coverage"] <= COVERAGE[1] else 1


def on_a_table(arguments: argparse.Namespace) -> int:
    """Print figures over numbers of labels beside trivial ones; 2 when the table cannot be used."""
    try:
        task = read_task(arguments.table, arguments.error, arguments.labels, arguments.draws)
        prior, tau_alone = read_prior(task, arguments.prior) if arguments.prior else (None, 0.0)
    except SearchError as error:
        print(error, file=sys.stderr)
        return 2
    free = ", ".join(f"{name} {value:.3f}" for name, value in trivial(task).items())
    print(f"{task.space.name}: {len(task.space)} networks, {arguments.error}, {task.draws} draws")
    print(f"Kendall tau without labels: {free}")
    rows = [figure.row() for figure in figures(task)]
    print("labels  one-hot ridge  predictor     sd  coverage")
    for row, simple in zip(rows, ridge(task), strict=True):
        print("{labels:>6}  {0:>13.3f}  {kendall_tau:>9.3f}  {sd:.3f}  {coverage_90:>8.3f}".format(simple, **row))
    if prior is not None:
        print(f"with the scores of {arguments.prior.name} (alone: {tau_alone:.3f})")
        for row, guided in zip(rows, figures(task, prior), strict=True):
            row |= {f"{key}_with_prior": value for key, value in guided.row().items() if key != "labels"}
            print(
                "{labels:>6}  {1:>13}  {0.kendall_tau:>9.3f}  {0.sd:.3f}  {0.coverage_90:>8.3f}".format(
                    guided, "", **row
                )
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        draw_plot(task, task.labels[len(task.labels) // 2], arguments.plot, prior)
    return 0


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return int(text)


def _positives(text: str) -> tuple[int, ...]:
    return tuple(_positive(part.strip()) for part in text.split(","))


def parse(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Score the error predictor on networks it has not seen.")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    table = parser.add_argument_group("on a published table")
    table.add_argument("--table", type=Path, help=".npz with genes, n_choices and columns; then only this is run")
    table.add_argument("--error", help="key of the error, percent or fraction")
    table.add_argument("--labels", type=_positives, default=(50, 100, 200), help="numbers of labels, by commas")
    table.add_argument("--draws", type=_positive, default=10, help="random choices of the labelled networks")
    table.add_argument("--prior", type=Path, help=".npz of genomes and cross_entropy, scores of a supernet")
    table.add_argument("--plot", type=Path, help="draw predicted against true here, a .png")
    supernet = parser.add_argument_group("on a supernet's evaluations")
    supernet.add_argument("--space", default="fbnet-cifar10")
    supernet.add_argument("--npz", type=Path, help="genomes, error and cross_entropy; default: the shipped supernet's")
    supernet.add_argument("--splits", type=_positive, default=10, help="random choices of the 200 held out")
    arguments = parser.parse_args(given)
    if arguments.table and not arguments.error:
        parser.error("--table needs --error, the key of its error column")
    return arguments


def main() -> int:
    """Run what is asked for."""
    arguments = parse()
    return on_a_table(arguments) if arguments.table else on_a_supernet(arguments)


if __name__ == "__main__":
    sys.exit(main())
