"""The proposer on a table of known shape: finds its front, never repeats itself, the same for the same seed."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from search import TabularSpace
from search.front.pareto import non_dominated
from search.surrogate.design import first_rows
from search.surrogate.proposer import SurrogateProposer
from search.surrogate.tabular import tabular_proposer


@pytest.fixture(scope="module")
def table() -> TabularSpace:
    genomes = np.stack(np.unravel_index(np.arange(243), (3,) * 5), axis=1).astype(np.int64)
    cost = 1.0 + genomes @ np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    effect = np.array([0.5, 0.1, 0.4, 0.3, 0.8])
    error = 0.05 + 0.5 * np.exp(-np.sqrt(genomes) @ effect) + 0.02 * (genomes[:, 1] == genomes[:, 3])
    names = ("identity", "conv_3x3", "conv_5x5")
    return TabularSpace(
        name="made-up",
        n_choices=np.full(5, 3),
        gene_names=tuple(f"layer{place}" for place in range(5)),
        choice_names=(names,) * 5,
        genomes=genomes,
        columns={"error": error, "cost": cost},
        unusable={},
    )


def _measure(proposer: SurrogateProposer, table: TabularSpace, evaluations: int, batch: int = 1) -> list[int]:
    rows: list[int] = []
    place = {genome.tobytes(): row for row, genome in enumerate(table.genomes)}
    while len(rows) < evaluations:
        asked = [place[genome.tobytes()] for genome in proposer.ask(min(batch, evaluations - len(rows)))]
        if not asked:
            break
        proposer.tell(table.error("error")[asked])
        rows += asked
    return rows


@pytest.mark.parametrize("batch", [1, 4])
def test_the_true_front_is_found_with_a_quarter_of_the_table(batch: int, table: TabularSpace) -> None:
    rows = _measure(tabular_proposer(table, table.column("cost")[:, None], 0), table, 60, batch)
    values = np.column_stack([table.error("error"), table.column("cost")])
    front = set(np.flatnonzero(non_dominated(values)).tolist())
    assert len(front) > 10
    assert len(front - set(rows)) <= 4
    assert _share(values, rows) > 0.999
    assert len(rows) == len(set(rows)) == 60


def test_the_same_seed_asks_the_same(table: TabularSpace) -> None:
    known = table.column("cost")[:, None]
    first, second, other = (_measure(tabular_proposer(table, known, seed), table, 25) for seed in (3, 3, 4))
    assert first == second != other


def test_the_cheapest_is_measured_first(table: TabularSpace) -> None:
    assert _measure(tabular_proposer(table, table.column("cost")[:, None], 5), table, 1) == [0]


def test_a_table_is_measured_to_its_last_row(table: TabularSpace) -> None:
    small = table.take(np.arange(0, 243, 9))
    proposer = tabular_proposer(small, small.column("cost")[:, None], 0)
    assert sorted(_measure(proposer, small, 100)) == list(range(27))
    assert len(proposer.ask(1)) == 0


def test_measurements_that_fail_are_not_learnt_from_and_not_repeated(table: TabularSpace) -> None:
    proposer = tabular_proposer(table, table.column("cost")[:, None], 0)
    asked = []
    for turn in range(30):
        genomes = proposer.ask(1)
        asked += [genome.tobytes() for genome in genomes]
        proposer.tell(np.array([np.nan if turn % 3 else 0.2 - 0.001 * turn]))
    assert len(set(asked)) == 30


def test_all_errors_alike_do_not_stop_it(table: TabularSpace) -> None:
    proposer = tabular_proposer(table, table.column("cost")[:, None], 0)
    for _ in range(20):
        proposer.tell(np.full(len(proposer.ask(1)), 0.25))
    assert len(proposer.ask(3)) == 3


@pytest.mark.parametrize("columns", [0, 2, 3])
def test_no_or_several_known_objectives(columns: int, table: TabularSpace) -> None:
    rng = np.random.default_rng(0)
    known = np.column_stack([table.column("cost"), rng.uniform(1, 2, (243, 2))])[:, :columns]
    rows = _measure(tabular_proposer(table, known, 0), table, 40)
    values = np.column_stack([table.error("error"), known])
    if not columns:
        assert int(np.argmin(values)) in rows
    else:
        share = _share(values, rows)
        assert share > 0.93


def _share(values: np.ndarray, rows: list[int]) -> float:
    """Of the hypervolume up to a tenth beyond the worst."""
    reference = values.max(axis=0) + 0.1 * np.ptp(values, axis=0)
    return moocore.hypervolume(values[rows], ref=reference) / moocore.hypervolume(values, ref=reference)


def test_errors_above_the_limit_do_not_count(table: TabularSpace) -> None:
    known = table.column("cost")[:, None]
    proposer = tabular_proposer(table, known, 0)
    limited = SurrogateProposer(proposer._source, proposer._membership, np.random.default_rng(0), error_limit=0.2)
    late = _measure(limited, table, 50)[15:]
    assert np.mean(table.error("error")[late] <= 0.2) > 0.75


def test_first_rows_are_spread_over_the_cost(table: TabularSpace) -> None:
    candidates = tabular_proposer(table, table.column("cost")[:, None], 0)._source.start()
    rows = first_rows(candidates, 10, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 10
    costs = np.sort(np.log(candidates.known[rows, 0]))
    assert costs[0] == np.log(candidates.known[:, 0].min())
    assert np.diff(costs).max() < 0.35 * np.ptp(np.log(candidates.known[:, 0]))


@pytest.mark.parametrize("n", [1, 2, 300])
def test_first_rows_of_any_number(n: int, table: TabularSpace) -> None:
    candidates = tabular_proposer(table, table.column("cost")[:, None], 0)._source.start()
    rows = first_rows(candidates, n, np.random.default_rng(0))
    assert len(rows) == len(set(rows.tolist())) == min(n, 243)


def test_first_rows_of_equal_costs(table: TabularSpace) -> None:
    candidates = tabular_proposer(table, np.ones((243, 1)), 0)._source.start()
    assert len(set(first_rows(candidates, 8, np.random.default_rng(0)).tolist())) == 8
