"""What the demo prints and writes."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from service import demo_report
from service.demo import DeviceFront


def network(number: int, *, interval: bool = True) -> dict[str, Any]:
    low, high = (0.9 * (number + 1), 1.1 * (number + 1)) if interval else (None, None)
    return {
        "architecture_id": f"{number:016x}",
        "genome": [number, 0],
        "blocks": ["k3_e1", "skip"],
        "error": 0.5 - number / 100,
        "error_interval": [0.4 - number / 100, 0.6 - number / 100],
        "latency_ms": {"board": {"expected": number + 1.0, "low": low, "high": high, "kind": "measured"}},
        "macs": 12_345_678,
        "params": 1_000_000,
        "size_bytes": 4_000_000,
        "peak_activation_bytes": 65_536,
    }


def front(count: int) -> DeviceFront:
    items = [network(number) for number in range(count)]
    evaluated = {
        "columns": ["error", "latency_ms:board"],
        "genomes": [item["genome"] for item in items],
        "values": [[item["error"], item["latency_ms"]["board"]["expected"]] for item in items],
        "feasible": [True] * count,
    }
    return DeviceFront("board", "srch_1", {"items": items, "evaluated": evaluated, "seed": 7})


def printed(renderable: object) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - rich keeps it
    with console.file:
        console.print(renderable)
        return console.export_text()


def test_a_long_front_says_how_much_of_it_is_shown() -> None:
    text = printed(demo_report.front_table("board", front(40).items))
    assert "Front for board: 40 networks, 12 of 40 shown" in text
    assert "50.0% [40.0%, 60.0%]" in text
    assert "1.00 [0.90, 1.10]" in text
    assert "12.3" in text


def test_a_latency_without_an_interval_shows_none() -> None:
    text = printed(demo_report.front_table("board", [network(2, interval=False)]))
    assert "3.00" in text
    assert "None" not in text


def test_files_hold_the_whole_front(tmp_path: Path) -> None:
    demo_report.write_files(tmp_path, [front(20), front(3)])
    documents = json.loads((tmp_path / "front.json").read_text())["fronts"]
    assert [len(document["items"]) for document in documents] == [20, 3]
    assert documents[0]["device"] == "board"
    assert "evaluated" not in documents[0]
    with (tmp_path / "front.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 23
    assert rows[1]["latency_ms"] == "2.0"
    assert rows[1]["genome"] == "1 0"
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("measured_ms", "words"),
    [
        (2.0, ["predicted 2.00 [1.80, 2.20] ms, measured 2.00 ms", "0.0% below measurement", "inside"]),
        (2.5, ["20.0% below measurement", "outside"]),
        (1.6, ["25.0% above measurement", "outside"]),
    ],
)
def test_the_check_says_how_far_off_the_prediction_is(measured_ms: float, words: list[str]) -> None:
    line = demo_report.checked(network(1), "board", measured_ms)
    assert all(word in line for word in words), line


def test_the_check_of_a_table_without_interval_claims_none() -> None:
    assert "interval" not in demo_report.checked(network(1, interval=False), "board", 2.0)


def test_the_closing_tells_how_to_go_on(tmp_path: Path) -> None:
    models = demo_report.models_folder(tmp_path, "board")
    models.mkdir(parents=True)
    (models / "a.onnx").write_bytes(b"")
    text = "\n".join(demo_report.closing(tmp_path, tmp_path / "service", [front(9)], 12.3))
    assert "1 of 9 networks in models/board/" in text
    assert f"lutnas serve --data-dir {tmp_path / 'service'}" in text
    assert "/v1/searches/srch_1/front" in text


@pytest.mark.parametrize("installed", [True, False])
def test_the_closing_names_the_command_that_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, installed: bool
) -> None:
    programs = tmp_path / "my environment"
    programs.mkdir()
    if installed:
        (programs / "lutnas").write_text("")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    text = "\n".join(demo_report.closing(tmp_path, Path("out/service"), [front(9)], 12.3))
    command = f"'{programs / 'lutnas'}'" if installed else "lutnas"
    assert f"\n  {command} serve --data-dir out/service\n" in text
