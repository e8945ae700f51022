"""`python -m benchmarks.search --table`: its figures, its peers, its refusals, on a table made up here."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import search as command
from benchmarks import tabular_methods
from benchmarks.tabular import Contest, compare
from benchmarks.tabular_methods import METHODS
from benchmarks.tabular_task import Task, hypervolume, read_task

PLAIN = [name for name in METHODS if name not in {"gp", "tpe", "optuna-nsga2"}]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    genes = np.stack(np.unravel_index(np.arange(81), (3,) * 4), axis=1)
    latency = np.round(5 + genes @ np.array([3.0, 1.0, 4.0, 2.0]))
    latency[40] = 0.01
    error = 100 * (0.1 + 0.4 * np.exp(-0.4 * genes.sum(axis=1)) + 0.01 * (genes[:, 0] == genes[:, 3]))
    repeats = error[:, None] + np.array([-0.5, 0.0, 0.5])
    path = tmp_path / "made_up.npz"
    np.savez(path, genes=genes.astype(np.int8), n_choices=np.full(4, 3), error_test=repeats, latency_ms_board=latency)
    return path


@pytest.fixture
def task(table: Path) -> Task:
    return read_task(table, "error_test", "latency_ms_board")


def test_the_whole_command_writes_its_figures(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    out, plot = table.parent / "out.json", table.parent / "out.png"
    given = f"search --table {table} --error error_test --cost latency_ms_board --budgets 10,30 --seeds 2"
    given += f" --methods ours,random,nsga2 --json {out} --plot {plot}"
    monkeypatch.setattr("sys.argv", given.split())
    assert command.main() == 0
    rows = json.loads(out.read_text())
    assert [(row["method"], row["budget"]) for row in rows] == [
        (method, budget) for method in ("ours", "random", "nsga2") for budget in (10, 30)
    ]
    assert all(0 <= row["worst"] <= row["mean"] <= 1 and row["sd"] >= 0 for row in rows)
    assert rows[1]["mean"] > rows[3]["mean"]
    assert rows[1]["mean"] > 0.99
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "80 architectures, 1 broken ones dropped" in printed
    assert "ours knows the cost" in printed


@pytest.mark.parametrize("method", PLAIN)
def test_methods_evaluate_distinct_rows_and_repeat_themselves_by_seed(method: str, task: Task) -> None:
    first, again, other = (METHODS[method](task, 25, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(first) == len(set(first)) == 25
    assert set(first) <= set(range(len(task)))


@pytest.mark.parametrize("method", ["tpe", "optuna-nsga2"])
def test_optunas_samplers_evaluate_distinct_rows(method: str, task: Task) -> None:
    pytest.importorskip("optuna")
    rows = METHODS[method](task, 15, 0)
    assert len(rows) == len(set(rows)) == 15


@pytest.mark.parametrize("method", PLAIN)
def test_more_evaluations_than_rows_end_with_the_table(method: str, task: Task) -> None:
    rows = METHODS[method](task, 90, 0)
    assert len(set(rows)) == len(rows) <= len(task)
    if method != "nsga2":
        assert task.fractions(rows)[-1] == pytest.approx(1.0)


def test_a_method_that_is_not_installed_is_left_out(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object) -> object:
        if name == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    contest = Contest(table, "error_test", "latency_ms_board", (5,), 1, ("tpe", "random"))
    assert [row["method"] for row in compare(contest)] == ["random"]
    assert "tpe           left out: No module named 'optuna'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("--table t.npz", "--table needs --error and --cost"),
        ("--table t.npz --error a --cost b --budgets 0,5", "'0' is no positive whole number"),
        ("--table t.npz --error a --cost b --budgets 5,x", "'x' is no positive whole number"),
        ("--table t.npz --error a --cost b --methods ours,magic", "no method 'magic'"),
        ("--seeds 0", "'0' is no positive whole number"),
    ],
)
def test_wrong_command_lines_are_told(given: str, words: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        command.parse(given.split())
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("error", "file"), [("nothing", "made_up.npz"), ("error_test", "absent.npz")])
def test_tables_that_cannot_be_used_are_told(
    error: str, file: str, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    given = ["search", "--table", str(table.parent / file), "--error", error, "--cost", "latency_ms_board"]
    monkeypatch.setattr("sys.argv", given)
    assert command.main() == 1
    assert capsys.readouterr().err.startswith("Table ")


def test_the_front_has_all_of_its_hypervolume_and_nothing_has_more(task: Task) -> None:
    shares = task.fractions([*task.front.tolist(), 0, 1])
    assert shares[len(task.front) - 1] == pytest.approx(1.0)
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == pytest.approx(1.0)
    assert task.values[task.front].min() == 0.0
    assert task.values[task.front].max() == 1.0


def test_hypervolume_of_few_points() -> None:
    assert hypervolume(np.array([[0.1, 0.1]])) == pytest.approx(1.0)
    assert hypervolume(np.array([[0.1, 0.6], [0.6, 0.1], [0.7, 0.7]])) == pytest.approx(0.75)
    assert hypervolume(np.array([[1.2, 0.1]])) == 0.0


def test_genomes_that_the_table_lacks_count_as_their_nearest(task: Task) -> None:
    lacking = np.unravel_index(40, (3,) * 4)
    row = task.row([int(gene) for gene in lacking])
    assert (task.space.genomes[row] == np.array(lacking)).sum() == 3
    assert task.row(task.space.genomes[7].tolist()) == 7


def test_all_methods_are_documented() -> None:
    assert all(method.__doc__ for method in METHODS.values())
    assert tabular_methods.POPULATION == 20
