"""The error predictor on sub-networks it has not seen, beside macs alone and depth alone.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.predictor [--npz FILE] [--space NAME] [--splits 10] [--json OUT]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

import search
from search import ErrorPredictor, Genomes, Space, load_space

HELD_OUT = 200
LEAST_TAU = 0.8
LINE = (
    "{:>5}  {tau:>6.3f}  {tau_macs:>8.3f}  {tau_depth:>9.3f}  {coverage:>8.3f}  {mean_absolute_error:>8.4f}"
    "  {interval_width:>8.4f}  {seconds:>7.1f}"
)
COVERAGE = (0.85, 0.95)


def tau(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Kendall's rank correlation."""
    return float(kendalltau(predicted, measured).statistic)


def score_split(space: Space, genomes: Genomes, errors: np.ndarray, seed: int) -> dict[str, float]:
    """Fit without 200 random sub-networks, then score on them."""
    order = np.random.default_rng(seed).permutation(len(genomes))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    start = time.perf_counter()
    predictor = ErrorPredictor.fit(space, genomes[train], errors[train])
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


def main() -> int:
    """Print one line per split and the means; 1 when the means miss a figure."""
    parser = argparse.ArgumentParser(description="Score the error predictor on held-out sub-networks.")
    parser.add_argument("--space", default="fbnet-cifar10")
    parser.add_argument("--npz", type=Path, help="genomes (n, g) and error (n,); default: the shipped supernet's")
    parser.add_argument("--splits", type=int, default=10, help="random choices of the 200 held-out sub-networks")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    shipped = Path(search.__file__).parent / "pretrained" / arguments.space / "evaluations.npz"
    with np.load(arguments.npz or shipped) as archive:
        genomes, errors = archive["genomes"].astype(np.int64), archive["error"].astype(np.float64)
    space = load_space(arguments.space)
    rows = [score_split(space, genomes, errors, seed) for seed in range(arguments.splits)]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    print(f"{len(genomes)} sub-networks, error {errors.min():.3f} to {errors.max():.3f}, {HELD_OUT} held out")
    print("split     tau  tau macs  tau depth  coverage  mean abs  interval  fit (s)")
    for row in rows:
        print(LINE.format(row["seed"], **row))
    print(LINE.format("mean", **mean))
    if arguments.json:
        arguments.json.write_text(json.dumps({"splits": rows, "mean": mean}, indent=1) + "\n", encoding="utf-8")
    good = mean["tau"] >= LEAST_TAU and mean["tau"] > mean["tau_macs"]
    return 0 if good and COVERAGE[0] <= mean["coverage"] <= COVERAGE[1] else 1


if __name__ == "__main__":
    sys.exit(main())
