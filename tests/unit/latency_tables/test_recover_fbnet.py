"""The published tables: exact against the published sums, and honest about what the sums cannot tell."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import tables
from latency_tables import LatencyTable, OperatorKey, format_table, shipped_tables
from latency_tables.files import SHIPPED
from latency_tables.tools import recover_fbnet

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("LUTNAS_SHARED", ROOT.parent / "shared"))
NPZ = SHARED / "data" / "fbnet_cifar100_latency.npz"
CHOICES = ["k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip"]

needs_data = pytest.mark.skipif(not NPZ.exists(), reason=f"needs {NPZ.name} in LUTNAS_SHARED/data")


@pytest.fixture
def invented() -> tuple[LatencyTable, np.ndarray, np.ndarray]:
    """A table of the work model's own costs, with 600 networks drawn from it: genes and their exact sums."""
    rng = np.random.default_rng(5)
    genes = rng.integers(0, 9, (600, 22))
    keys, counts = recover_fbnet.count_operators(genes, CHOICES)
    rates = np.array([2e-7, 1e-6, 1e-6, 1e-5, 0.01])
    costs = np.array([recover_fbnet.work(key) @ rates for key in keys])
    fixed_ms = float((recover_fbnet.work(recover_fbnet.STEM) + recover_fbnet.work(recover_fbnet.HEADS[1])) @ rates)
    latency_ms = fixed_ms + counts @ costs
    recovered = recover_fbnet.recover("pixel-3", genes.astype(np.int64), CHOICES, latency_ms)
    truth = np.concatenate([[fixed_ms], costs])
    return recovered, truth, fixed_ms + counts @ costs


def test_costs_that_follow_the_work_model_are_recovered_one_by_one(
    invented: tuple[LatencyTable, np.ndarray, np.ndarray],
) -> None:
    recovered, truth, _ = invented
    keys, _ = recover_fbnet.count_operators(np.zeros((1, 22), dtype=np.int64), CHOICES)
    found = [recovered.fixed_ms, *(recovered.latency_ms(key) for key in keys)]
    assert found == pytest.approx(truth, abs=1e-6)


def test_the_macro_structure_is_that_of_the_papers() -> None:
    layers = recover_fbnet.macro_layers()
    assert len(layers) == 22
    assert layers[0].in_shape == (16, 32, 32)
    assert layers[-1].out_shape == (352, 4, 4)
    assert sum(layer.changes_shape for layer in layers) == 6


def test_an_identity_skip_is_no_operator() -> None:
    first, second, *_ = recover_fbnet.macro_layers()
    assert first.key("skip") is None
    assert str(second.key("skip")) == "skip in=16x32x32 out=24x32x32 stride=1"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (recover_fbnet.STEM, [442_368, 0, 16_384, 0, 1]),
        (recover_fbnet.HEADS[0], [8_485_568, 0, 24_064, 0, 1]),
        (OperatorKey("skip", (24, 32, 32), (32, 16, 16), (("stride", 2),)), [196_608, 0, 8_192, 0, 1]),
        (
            OperatorKey(
                "inverted_residual",
                (24, 32, 32),
                (32, 16, 16),
                (("expansion", 2), ("groups", 2), ("kernel", 3), ("stride", 2)),
            ),
            [786_432, 110_592, 69_632, 49_152, 1],
        ),
    ],
)
def test_work_counts_what_the_block_does(key: OperatorKey, expected: list[int]) -> None:
    assert recover_fbnet.work(key).tolist() == expected


@pytest.mark.parametrize("device", ["raspberry-pi-4", "pixel-3"])
def test_shipped_tables_hold_the_whole_macro_structure(device: str) -> None:
    table = shipped_tables()[device, "fbnet-cifar10"]
    keys, _ = recover_fbnet.count_operators(np.zeros((1, 22), dtype=np.int64), CHOICES)
    assert len(keys) == 102
    assert table.missing([recover_fbnet.STEM, *recover_fbnet.HEADS, *keys]) == ()
    assert set(table.operator_ms) == set(keys)


@pytest.mark.parametrize("device", ["raspberry-pi-4", "pixel-3"])
def test_shipped_costs_are_positive_and_grow_with_expansion(device: str) -> None:
    table = shipped_tables()[device, "fbnet-cifar10"]
    assert table.fixed_ms > 0
    for layer in recover_fbnet.macro_layers():
        costs = [table.latency_ms(key) for choice in ("k5_e1", "k5_e3", "k5_e6") if (key := layer.key(choice))]
        assert 0 < costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("device", ["raspberry-pi-4", "pixel-3"])
def test_shipped_notes_say_what_the_sums_cannot_tell(device: str) -> None:
    table = shipped_tables()[device, "fbnet-cifar10"]
    for part in ("100 classes (8,620,928 macs)", "8,485,568 macs", "without changing any sum"):
        assert part in table.provenance.notes
    assert f"leaves {table.fixed_ms:.3f} ms" in table.provenance.notes
    assert (table.honesty, table.uncertainty, table.provenance.threads) == (None, None, None)


@needs_data
@pytest.mark.parametrize(("device", "column"), [("raspberry-pi-4", "raspi4"), ("pixel-3", "pixel3")])
def test_shipped_tables_reproduce_all_published_sums(device: str, column: str) -> None:
    table = shipped_tables()[device, "fbnet-cifar10"]
    with np.load(NPZ) as archive:
        genes, published_ms = archive["genes"], archive[f"latency_ms_{column}"]
        choices = [str(name) for name in archive["choice_names"]]
    layers = recover_fbnet.macro_layers()
    cost = np.array(
        [[table.total_ms([k]) - table.fixed_ms if (k := layer.key(c)) else 0.0 for c in choices] for layer in layers]
    )
    sums = table.fixed_ms + cost[np.arange(22), genes].sum(axis=1)
    assert len(published_ms) == 5000
    assert np.abs(sums - published_ms).max() < 1e-6


@needs_data
def test_the_tool_writes_the_shipped_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recover_fbnet", str(NPZ), "--out", str(tmp_path)])
    recover_fbnet.main()
    assert "102 operators" in capsys.readouterr().out
    for (device, space), table in shipped_tables().items():
        assert (tmp_path / device / f"{space}.json").read_text() == format_table(table)
        assert (SHIPPED / device / f"{space}.json").read_text() == format_table(table)


@needs_data
def test_the_benchmark_prints_and_writes_the_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tables.json"
    monkeypatch.setattr(sys, "argv", ["tables", "published", "--npz", str(NPZ), "--json", str(out)])
    assert tables.main() == 0
    assert "raspberry-pi-4" in capsys.readouterr().out
    assert {row["networks"] for row in json.loads(out.read_text())} == {5000}


@needs_data
def test_the_benchmark_fails_on_a_wrong_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        name: dataclasses.replace(table, fixed_ms=table.fixed_ms + 0.001) for name, table in shipped_tables().items()
    }
    monkeypatch.setattr(tables, "shipped_tables", lambda: wrong)
    monkeypatch.setattr(sys, "argv", ["tables", "published", "--npz", str(NPZ)])
    assert tables.main() == 1
    assert "1.0e-03 ms" in capsys.readouterr().out
