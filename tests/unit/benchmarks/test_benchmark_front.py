"""The benchmark of fronts: what it takes for the goal, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import front as benchmark
from latency_tables import write_table
from search import SearchSpec
from service.errors import RemeasureElsewhereError
from tests.service_world import SPACE, board_table, local_table

FRONT = np.column_stack([np.linspace(0.1, 0.5, 64), np.linspace(5.0, 1.0, 64)])


class Timed:
    """Stands for a `Remeasurement`: its networks take the longer the less they err, in turn a little more and less."""

    values, timed = FRONT, (1,)
    first_ms = {"local-cpu": FRONT[:, 1] * np.tile([0.96, 1.04], 32)}
    second_ms = {"local-cpu": FRONT[:, 1] * np.tile([0.95, 1.05], 32)}

    def __init__(self, strict: float, repeat: float, noise: float = 1.0, repeat_noise: float = 1.0) -> None:
        agreement = {"mape": 0.02, "within_5": 0.9, "within_10": 1.0, "kendall_tau": 0.97}
        device = {"threads": 1, **agreement, "repeat": agreement | {"kendall_tau": None}}
        shares = {"still_non_dominated": strict, "repeat_still_non_dominated": repeat}
        noisy = {"within_noise": noise, "repeat_within_noise": repeat_noise}
        self._summary = {"networks": 64, "of": 350, **shares, **noisy, "devices": {"local-cpu": device}}

    def summary(self) -> dict:
        return self._summary


def judged(*shares: float) -> dict:
    return benchmark.figures_of(Timed(*shares), board_table(), SearchSpec(SPACE, ("local-cpu",)))


@pytest.mark.parametrize(
    ("strict", "repeat", "met"),
    [(0.95, 0.99, True), (0.95, 1.0, True), (0.94, 1.0, False), (0.9, 0.9, True), (0.89, 0.8, False), (1.0, 0.5, True)],
)
def test_the_goal_needs_the_share_and_the_repeat(strict: float, repeat: float, met: bool) -> None:
    assert judged(strict, repeat)["goal"]["met"] is met
    assert judged(0.0, 0.0, strict, repeat)["goal"]["met_within_noise"] is met


def test_the_figures_are_told_side_by_side() -> None:
    text = "\n".join(benchmark.lines_of(judged(0.9375, 0.96875)))
    assert "64 of the 350 networks" in text
    assert "table  93.8%   measured again  96.9%" in text
    assert "table  0.970   measured again    none" in text
    assert "met strictly, met within the noise" in text


def test_thinner_fronts_lose_less() -> None:
    shares = benchmark.by_density(Timed(1.0, 1.0))
    assert list(shares) == ["64", "32", "16", "8"]
    strict = [share["still_non_dominated"] for share in shares.values()]
    assert strict[0] < strict[2] <= strict[3] == 1.0
    assert "strictly, 16 of them" in "\n".join(benchmark.lines_of(judged(1.0, 1.0)))


def test_the_table_of_the_data_folder_is_taken(tmp_path: Path) -> None:
    table = local_table()
    write_table(table, tmp_path / "tables" / "local-cpu" / f"{SPACE}.json")
    assert benchmark.local_table(SPACE, "local-cpu", 1, tmp_path).sha256 == table.sha256


def test_a_table_of_another_machine_is_refused(tmp_path: Path) -> None:
    write_table(board_table(device="local-cpu"), tmp_path / "tables" / "local-cpu" / f"{SPACE}.json")
    with pytest.raises(RemeasureElsewhereError, match="the table is of 'none'"):
        benchmark.local_table(SPACE, "local-cpu", 1, tmp_path)


def test_a_missing_table_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(space, device, options, tables_dir, console) -> None:
        asked.append((space, device, options.threads))
        write_table(local_table(threads=2), tables_dir / device / f"{space}.json")

    monkeypatch.setattr(benchmark, "measure_device", measure)
    assert benchmark.local_table(SPACE, "local-cpu", 2, tmp_path).provenance.threads == 2
    assert asked == [(SPACE, "local-cpu", 2)]
