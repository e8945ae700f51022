"""Ways to search a table: ours, and peers as their authors ship them. Each gives the rows it evaluated, in order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.tabular_task import Task
from search.surrogate.tabular import tabular_proposer

POPULATION = 20
_TRIES = 10
"""A method that repeats itself is not charged for it, but asked no more than so many times its budget."""

Method = Callable[[Task, int, int], list[int]]
"""Task, evaluations, seed -> distinct rows."""


def ours(task: Task, evaluations: int, seed: int) -> list[int]:
    """`search.surrogate`, one evaluation at a time; it knows every cost beforehand, the peers where they evaluated."""
    proposer = tabular_proposer(task.space, task.cost[:, None], seed)
    rows: list[int] = []
    while len(rows) < min(evaluations, len(task)):
        asked = [task.row(genome) for genome in proposer.ask(1)]
        proposer.tell(task.error[asked])
        rows += asked
    return rows


def random(task: Task, evaluations: int, seed: int) -> list[int]:
    """Uniform, without repetition."""
    return np.random.default_rng(seed).permutation(len(task))[:evaluations].tolist()


def nsga2(task: Task, evaluations: int, seed: int) -> list[int]:
    """Pymoo's NSGA-II for integers: population 20, uniform crossover, its default mutation, no duplicates."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.ux import UniformCrossover
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    rows: dict[int, None] = {}
    upper = task.space.n_choices - 1

    class Table(Problem):  # type: ignore[misc]  # pymoo ships no types
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            asked = [task.row(genome) for genome in x]
            rows.update(dict.fromkeys(asked))
            out["F"] = np.column_stack([task.error[asked], task.cost[asked]])

    repair = RoundingRepair()
    algorithm = NSGA2(
        pop_size=POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=UniformCrossover(repair=repair),
        mutation=PM(vtype=float, repair=repair),
        eliminate_duplicates=True,
    )
    problem = Table(n_var=len(upper), n_obj=2, xl=np.zeros_like(upper), xu=upper, vtype=int)
    algorithm.setup(problem, seed=seed, termination=("n_gen", _TRIES * evaluations // POPULATION + 1))
    while algorithm.has_next() and len(rows) < evaluations:
        algorithm.next()
    return list(rows)[:evaluations]


def tpe(task: Task, evaluations: int, seed: int) -> list[int]:
    """Optuna's TPESampler, multivariate off as it is by default."""
    import optuna

    return _optuna(task, evaluations, optuna.samplers.TPESampler(seed=seed))


def optuna_nsga2(task: Task, evaluations: int, seed: int) -> list[int]:
    """Optuna's NSGAIISampler, population 20."""
    import optuna

    return _optuna(task, evaluations, optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed))


def gp(task: Task, evaluations: int, seed: int) -> list[int]:
    """Optuna's GPSampler; needs torch."""
    import optuna
    import torch

    del torch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=True)
        return _optuna(task, evaluations, sampler)


def _optuna(task: Task, evaluations: int, sampler: Any) -> list[int]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    rows: dict[int, None] = {}
    choices = [list(range(count)) for count in task.space.n_choices.tolist()]
    for _ in range(_TRIES * evaluations):
        trial = study.ask()
        row = task.row([trial.suggest_categorical(f"gene{place}", some) for place, some in enumerate(choices)])
        study.tell(trial, [float(task.error[row]), float(task.cost[row])])
        rows[row] = None
        if len(rows) == min(evaluations, len(task)):
            break
    return list(rows)


METHODS: dict[str, Method] = {
    "ours": ours,
    "random": random,
    "nsga2": nsga2,
    "tpe": tpe,
    "optuna-nsga2": optuna_nsga2,
    "gp": gp,
}
