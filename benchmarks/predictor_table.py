"""The error predictor on a published table: a few labels, and the rank of all of its networks.

Called by `benchmarks.predictor` when it is given a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from search import ErrorPredictor
from search.errors import TabularFileError
from search.predictor.choices import read_choices
from search.predictor.encoding import Prior
from search.predictor.error_predictor import FEWEST_EVALUATIONS
from search.predictor.scores import fit_scores
from search.space.base import genome_keys, one_hot
from search.space.tabular import TabularSpace, read_tabular_space

_COSTS = ("macs", "params")
_SCORES = ("cross_entropy", "error")
_RIDGE = 1.0


@dataclass(frozen=True)
class Task:
    """All networks of a table whose error is known, and how it is scored."""

    space: TabularSpace
    error: np.ndarray
    labels: tuple[int, ...]
    draws: int


@dataclass(frozen=True)
class Figure:
    """Of one number of labels, over draws: Kendall's tau on all networks, and the share inside the 90 % interval."""

    labels: int
    kendall_tau: float
    sd: float
    coverage_90: float

    def row(self) -> dict[str, float]:
        return {
            "labels": self.labels,
            "kendall_tau": self.kendall_tau,
            "sd": self.sd,
            "coverage_90": self.coverage_90,
        }


def read_task(table: Path, key: str, labels: Sequence[int], draws: int) -> Task:
    """A table without the rows whose error is not finite.

    Raises:
        TabularFileError: the file or the column cannot be used, or there are fewer networks than labels.
    """
    space = read_tabular_space(table)
    error = space.error(key)
    known = np.isfinite(error)
    space, error = space.take(known), error[known]
    for count in labels:
        if not FEWEST_EVALUATIONS <= count <= len(space):
            reason = f"{count} labels; give {FEWEST_EVALUATIONS} to {len(space)}, the networks with a known {key!r}"
            raise TabularFileError(str(table), reason)
    return Task(space, error, tuple(labels), draws)


def tau(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Kendall's rank correlation; 0 where one side does not vary."""
    found = float(kendalltau(predicted, measured).statistic)
    return found if np.isfinite(found) else 0.0


def labelled_rows(task: Task, labels: int, draw: int) -> np.ndarray:
    """The rows whose error is told to the predictor."""
    return np.random.default_rng(draw).permutation(len(task.space))[:labels]


def figures(task: Task, prior: Prior | None = None) -> list[Figure]:
    """The predictor at every number of labels."""
    return [_figure(task, labels, prior) for labels in task.labels]


def _figure(task: Task, labels: int, prior: Prior | None) -> Figure:
    taus, covered = [], []
    genomes = task.space.genomes
    for draw in range(task.draws):
        rows = labelled_rows(task, labels, draw)
        predicted = ErrorPredictor.fit(task.space, genomes[rows], task.error[rows], prior=prior).predict(genomes)
        taus.append(tau(predicted.mean, task.error))
        covered.append(((predicted.low <= task.error) & (task.error <= predicted.high)).mean())
    sd = float(np.std(taus, ddof=1)) if len(taus) > 1 else 0.0
    return Figure(labels, float(np.mean(taus)), sd, float(np.mean(covered)))


def trivial(task: Task) -> dict[str, float]:
    """Tau of what needs no label: known costs, and the number of genes whose choice computes something."""
    found = {key: tau(-task.space.column(key), task.error) for key in _COSTS if key in task.space.columns}
    works = [[choice.kind is not None for choice in choices] for choices in read_choices(task.space)]
    depth = sum(np.array(row)[genes] for row, genes in zip(works, task.space.genomes.T, strict=True))
    return found | {"depth": tau(-np.asarray(depth), task.error)}


def ridge(task: Task) -> list[float]:
    """Tau of a ridge regression on one-hot genes, at every number of labels."""
    columns = one_hot(task.space, task.space.genomes)
    means = []
    for labels in task.labels:
        taus = []
        for draw in range(task.draws):
            rows = labelled_rows(task, labels, draw)
            x, y = columns[rows], task.error[rows] - task.error[rows].mean()
            effects = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
            taus.append(tau(columns @ effects, task.error))
        means.append(float(np.mean(taus)))
    return means


def read_prior(task: Task, path: Path) -> tuple[Prior, float]:
    """The scores of a file, and their own tau on the networks that have one.

    Raises:
        TabularFileError: the file lacks genomes or scores.
        PredictorError, GenomeError: scores that are none, genomes that are not of the table's space.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise TabularFileError(str(path), f"cannot be read: {error}") from None
    genomes = arrays.get("genomes", arrays.get("genes"))
    scores = next((arrays[key] for key in _SCORES if key in arrays), None)
    if genomes is None or scores is None:
        wanted = "genomes (n, g) and cross_entropy (n,)"
        raise TabularFileError(str(path), f"needs {wanted}; it has {', '.join(sorted(arrays)) or 'nothing'}")
    prior = fit_scores(task.space, genomes.astype(np.int64), scores)
    row_of = {key: row for row, key in enumerate(genome_keys(task.space.genomes))}
    pairs = zip(genome_keys(genomes), scores.tolist(), strict=True)
    both = np.array([(score, task.error[row_of[key]]) for key, score in pairs if key in row_of]).reshape(-1, 2)
    return looked_up(task, prior), tau(both[:, 0], both[:, 1])


def looked_up(task: Task, prior: Prior) -> Prior:
    """The same prior, asked once for every network of the table instead of at every fit."""
    values = prior(task.space.genomes)
    row_of = {key: row for row, key in enumerate(genome_keys(task.space.genomes))}
    return lambda genomes: values[[row_of[key] for key in genome_keys(genomes)]]


def draw_plot(task: Task, labels: int, path: Path, prior: Prior | None = None) -> None:
    """Predicted against true, first draw, with the labelled networks marked."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    genomes, rows = task.space.genomes, labelled_rows(task, labels, 0)
    predicted = ErrorPredictor.fit(task.space, genomes[rows], task.error[rows], prior=prior).mean(genomes)
    figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
    axes.plot(task.error, predicted, ".", markersize=2, color="#0072B2", alpha=0.4, label="all networks")
    axes.plot(task.error[rows], predicted[rows], "o", markersize=4, color="#D55E00", label=f"{labels} labelled")
    low, high = min(task.error.min(), predicted.min()), max(task.error.max(), predicted.max())
    axes.plot([low, high], [low, high], color="black", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="true error", ylabel="predicted error")
    axes.set_title(f"{task.space.name}: {labels} labels, tau {tau(predicted, task.error):.3f}")
    axes.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)
