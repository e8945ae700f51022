"""Methods side by side on a published table: the share of the true front's hypervolume after so many evaluations.

Called by `benchmarks.search` when it is given a table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tabular_methods import METHODS
from benchmarks.tabular_task import Task, read_task

KNOWS = "ours knows the cost of every architecture beforehand; the others see it where they evaluate"
_COLOURS = ("#0072B2", "#9A9A9A", "#E69F00", "#009E73", "#CC79A7", "#D55E00")


@dataclass(frozen=True)
class Contest:
    """What is compared."""

    table: Path
    error: str
    cost: str
    budgets: tuple[int, ...]
    seeds: int
    methods: tuple[str, ...]


def fractions_of(task: Task, method: str, evaluations: int, seeds: int) -> np.ndarray:
    """Share of the hypervolume, `(seeds, evaluations)`; a method that ends early keeps what it has.

    Raises:
        ImportError: the method's package is not installed.
    """
    curves = np.zeros((seeds, evaluations))
    for seed in range(seeds):
        fractions = task.fractions(METHODS[method](task, evaluations, seed))
        curves[seed, : len(fractions)] = fractions
        curves[seed, len(fractions) :] = fractions[-1]
    return curves


def figures(curves: np.ndarray, method: str, budgets: Sequence[int]) -> list[dict[str, object]]:
    """Mean, standard deviation and worst over seeds, one row per budget."""
    rows: list[dict[str, object]] = []
    for budget in budgets:
        shares = curves[:, budget - 1]
        sd = float(shares.std(ddof=1)) if len(shares) > 1 else 0.0
        row = {"method": method, "budget": budget, "mean": float(shares.mean()), "sd": sd, "worst": float(shares.min())}
        rows.append(row)
    return rows


def compare(contest: Contest, plot: Path | None = None) -> list[dict[str, object]]:
    """Run every method and print its figures; one that is not installed is told and left out.

    Raises:
        TabularFileError: the table is damaged or lacks a column.
    """
    task = read_task(contest.table, contest.error, contest.cost)
    print(f"{contest.table.name}, {contest.error} against {contest.cost}: {len(task)} architectures,", end=" ")
    print(f"{task.dropped} broken ones dropped, {len(task.front)} on the true front; {contest.seeds} seeds")
    print(f"share of its hypervolume; {KNOWS}")
    print("method        budget    mean      sd   worst")
    rows: list[dict[str, object]] = []
    curves: dict[str, np.ndarray] = {}
    for method in contest.methods:
        try:
            curves[method] = fractions_of(task, method, max(contest.budgets), contest.seeds)
        except ImportError as error:
            print(f"{method:<13} left out: {error}")
            continue
        for row in figures(curves[method], method, contest.budgets):
            print("{method:<13} {budget:>6}  {mean:.4f}  {sd:.4f}  {worst:.4f}".format(**row), flush=True)
            rows.append(row)
    if plot is not None:
        draw(curves, f"{contest.table.stem}: {contest.error} against {contest.cost}", plot)
    return rows


def write(rows: list[dict[str, object]], path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def draw(curves: dict[str, np.ndarray], title: str, path: Path) -> None:
    """The mean of each method over evaluations, the range of its seeds around it; what is missing, logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for (method, shares), colour in zip(curves.items(), _COLOURS, strict=False):
        missing = np.maximum(1 - shares, 1e-5)
        evaluations = np.arange(1, shares.shape[1] + 1)
        axes.plot(evaluations, missing.mean(axis=0), color=colour, label=method)
        axes.fill_between(evaluations, missing.min(axis=0), missing.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    axes.set(yscale="log", xlabel="evaluations", ylabel="share of the true front's hypervolume missing", title=title)
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(title="mean and range of seeds", frameon=False)
    figure.savefig(path, dpi=150)
