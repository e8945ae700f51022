"""The benchmark of the predictor on a small made-up table: its figures, its file, and tables that make no sense."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import predictor
from benchmarks.predictor_table import figures, labelled_rows, read_prior, read_task, ridge, tau, trivial

GENES = np.stack(np.unravel_index(np.arange(81), (3, 3, 3, 3)), axis=1)
ERROR = 0.3 - GENES @ np.array([0.02, 0.03, 0.01, 0.04])
NAMES = {"n_choices": np.full(4, 3), "choice_names": np.array(["identity", "k3", "k5"])}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "made.npz"
    macs = 1.0 + GENES.sum(axis=1)
    repeats = 100 * ERROR[:, None] + np.array([-0.1, 0.0, 0.1])
    unknown = np.where(np.arange(81) < 5, np.nan, ERROR)
    np.savez(path, genes=GENES, macs=macs, error=repeats, fraction=ERROR, unknown=unknown, **NAMES)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["predictor", *arguments])
    return predictor.main()


def test_it_writes_what_was_agreed(table: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out, plot = tmp_path / "out.json", tmp_path / "plot.png"
    command = ["--table", str(table), "--error", "error", "--labels", "20,40", "--draws", "2"]
    assert run(monkeypatch, *command, "--json", str(out), "--plot", str(plot)) == 0
    rows = json.loads(out.read_text())
    assert [set(row) for row in rows] == [{"labels", "kendall_tau", "sd", "coverage_90"}] * 2
    assert [row["labels"] for row in rows] == [20, 40]
    assert rows[1]["kendall_tau"] > 0.9
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_percent_of_repeats_and_fractions_are_the_same_task(table: Path) -> None:
    percent, fraction = (read_task(table, key, (20,), 2) for key in ("error", "fraction"))
    assert percent.error == pytest.approx(fraction.error)
    assert figures(percent)[0].kendall_tau == pytest.approx(figures(fraction)[0].kendall_tau, abs=0.02)


def test_networks_without_an_error_are_left_out(table: Path) -> None:
    assert len(read_task(table, "unknown", (20,), 1).space) == 76


def test_simple_answers_stand_beside_it(table: Path) -> None:
    task = read_task(table, "fraction", (20, 60), 3)
    found = trivial(task)
    assert found["macs"] == pytest.approx(tau(-GENES.sum(axis=1), ERROR))
    assert found["depth"] == pytest.approx(tau(-(GENES > 0).sum(axis=1), ERROR))
    assert ridge(task)[1] > ridge(task)[0] - 0.05


def test_a_draw_is_the_same_in_every_run(table: Path) -> None:
    task = read_task(table, "fraction", (20,), 1)
    assert labelled_rows(task, 20, 3).tolist() == labelled_rows(task, 20, 3).tolist()
    assert labelled_rows(task, 20, 3).tolist() != labelled_rows(task, 20, 4).tolist()


def test_scores_of_a_supernet_stand_beside_it(
    table: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, out = tmp_path / "scores.npz", tmp_path / "out.json"
    noise = np.random.default_rng(0).normal(0, 0.1, 60)
    np.savez(scores, genomes=GENES[:60], cross_entropy=np.exp(5 * ERROR[:60] + noise))
    command = ["--table", str(table), "--error", "error", "--labels", "15", "--draws", "2", "--json", str(out)]
    assert run(monkeypatch, *command, "--prior", str(scores)) == 0
    assert json.loads(out.read_text())[0]["kendall_tau_with_prior"] > 0.8
    assert "scores.npz (alone: 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"cross_entropy": np.ones(81)}, "needs genomes"),
        ({"genomes": GENES}, "needs genomes"),
        ({"genomes": GENES, "cross_entropy": np.zeros(81)}, "score 0 is 0.0"),
        ({"genomes": GENES + 1, "cross_entropy": np.ones(81)}, "must be from 0 to 2"),
    ],
)
def test_scores_that_make_no_sense_are_told(table: Path, tmp_path: Path, arrays: dict, words: str) -> None:
    np.savez(tmp_path / "scores.npz", **arrays)
    with pytest.raises(Exception, match=words):
        read_prior(read_task(table, "error", (20,), 1), tmp_path / "scores.npz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--error", "accuracy"], "has no column 'accuracy'"),
        (["--error", "error", "--labels", "82"], "82 labels; give 10 to 81"),
        (["--error", "error", "--labels", "9"], "9 labels; give 10 to 81"),
        (["--error", "error", "--labels", "20", "--prior", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_a_task_that_cannot_be_is_told_in_one_line(
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    assert run(monkeypatch, "--table", str(table), *arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--table", "x.npz"], ["--labels", "ten"], ["--draws", "0"], ["--labels", "50,"]]
)
def test_a_command_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        predictor.parse(arguments)
