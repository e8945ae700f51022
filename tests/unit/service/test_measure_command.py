"""`lutnas measure` as a user types it, in one process, with results that the agent would have written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from click.testing import Result as Outcome

from latency_tables import OperatorKey, read_table, write_table
from search import load_space, measurement_plan
from service.cli import main
from service.resources import load_shelf
from tests.agent_result import Result, result_of
from tests.service_world import SPACE, board_table

DEVICE = "my-board"
UNSAFE = ["con", "my..board", "board.", "nul.x", "../x"]


@pytest.fixture(scope="module")
def result() -> Result:
    return result_of(measurement_plan(load_space(SPACE)))


def measure(*arguments: str, device: str = DEVICE, code: int = 0, charset: str = "utf-8") -> Outcome:
    done = CliRunner(charset=charset).invoke(main, ["measure", "--space", SPACE, "--device", device, *arguments])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def imported(result: Result, device: str = DEVICE, code: int = 0, charset: str = "utf-8") -> Outcome:
    Path("result.json").write_text(json.dumps(result))
    return measure("--result", "result.json", device=device, code=code, charset=charset)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, result: Result) -> Callable[[Result], None]:
    """Makes this machine's agent write a given result, at first the good one."""

    def write(written: Result) -> None:
        monkeypatch.setattr("service.measure.measure_plan", lambda *_: written)

    write(result)
    return write


def place(data_dir: Path) -> Path:
    return data_dir / "tables" / DEVICE / f"{SPACE}.json"


def on_machine(result: Result, **changes: Any) -> Result:
    return result | {"machine": result["machine"] | changes}


def test_a_result_becomes_a_table(data_dir: Path, result: Result) -> None:
    text = imported(result).stdout
    assert "my-board: Cortex-A76, onnxruntime 1.32.0, 1 thread(s)" in text
    assert f"Written: {place(data_dir)}" in text
    assert read_table(place(data_dir)).kind == "measured"


@pytest.mark.parametrize("own", [True, False])
def test_the_table_that_a_measurement_replaces_is_kept(
    data_dir: Path, result: Result, measured: object, own: bool
) -> None:
    assert measured
    before = board_table(device=DEVICE)
    write_table(before, place(data_dir))
    measure() if own else imported(result)
    shelf = load_shelf(data_dir / "tables")
    assert shelf.version(DEVICE, SPACE, before.sha256) == before
    assert {version.sha256 for version in shelf.versions(DEVICE, SPACE)} == {
        before.sha256,
        read_table(place(data_dir)).sha256,
    }


def test_other_threads_than_before_are_told(data_dir: Path, result: Result, measured: Callable[[Result], None]) -> None:
    assert "replaces" not in measure().stdout
    measured(result | {"threads": 2})
    assert "Warning: This table is of 2 thread(s), the one that it replaces was of 1" in measure().stdout
    assert "Warning: This table is of 1 thread(s)" in imported(result).stdout
    assert data_dir.exists()


@pytest.mark.parametrize("device", UNSAFE)
def test_unsafe_names_are_refused(data_dir: Path, result: Result, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr("service.measure.measure_plan", lambda *_: pytest.fail("the measurement began"))
    for done in (measure(device=device, code=2), imported(result, device=device, code=2)):
        assert f"{device!r} is no name for a device" in done.stderr
    assert not data_dir.exists()


def scaled(result: Result, factor: float) -> Result:
    times = ("ms", "first_half_ms", "second_half_ms")
    entries = {
        name: {field: value * factor if field in times else value for field, value in entry.items()}
        for name, entry in result["entries"].items()
    }
    return result | {"entries": entries}


WRONG: list[tuple[Callable[[Result], Result], str]] = [
    (lambda result: scaled(result, 1e-6), "GMAC/s"),
    (lambda result: scaled(result, 3e4), "look like microseconds"),
    (lambda result: on_machine(result, processor="\x1b[2Jgone"), "has control characters"),
    (lambda result: on_machine(result, processor="x" * 5000), "at most 500 characters"),
    (lambda result: result | {"space": "fbnet-cifar10"}, "of another space than tiny-cifar10"),
    (lambda result: result | {"plan_sha256": "0" * 64}, "/plan_sha256: "),
    (lambda result: result | {"plan_recipe": {"kind": "few-shot", "networks": 5000}}, "/plan_recipe/networks: "),
    (lambda result: result | {"entries": {f"network-{n}": 1 for n in range(5001)}}, "at most 5000 are read"),
    (lambda result: {}, "/plan_sha256: Field required"),
    (lambda result: result | {"entries": dict(list(result["entries"].items())[25:])}, "And 5 more."),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_the_server_would_refuse_is_refused(
    data_dir: Path, result: Result, change: Callable[[Result], Result], words: str
) -> None:
    told = imported(change(result), code=2).stderr
    assert words in told
    assert "result.json" in told
    assert "\x1b" not in told
    assert not data_dir.exists()


def test_networks_that_take_less_than_no_time_are_refused(
    data_dir: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = board_table(device=DEVICE).operator_ms
    pairs: dict[tuple[OperatorKey, OperatorKey], float] = {(a, b): -(rows[a] + rows[b]) for a in rows for b in rows}
    table = dataclasses.replace(board_table(device=DEVICE), fixed_ms=0.01, neighbour_ms=pairs)
    monkeypatch.setattr("service.measurement_upload.estimate_table", lambda *_, **__: table)
    assert "every network takes time" in imported(result, code=2).stderr
    assert not data_dir.exists()


@pytest.mark.parametrize("processor", ["x [/b]", "[bold]x", "[link=http://x]x[/link]"])
def test_brackets_of_a_stranger_are_no_markup(data_dir: Path, result: Result, processor: str) -> None:
    strange = on_machine(result, processor=processor) | {"warnings": ["hot [/red]"]}
    text = imported(strange).stdout
    assert f"my-board: {processor}, onnxruntime" in text
    assert "Warning: hot [/red]" in text
    assert place(data_dir).exists()


def test_brackets_in_the_path_are_no_markup(data_dir: Path, result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTNAS_DATA_DIR", str(data_dir / "x [" / "b]"))
    assert "x [/b]" in imported(result).stdout


def test_what_steers_a_terminal_is_not_printed(data_dir: Path, result: Result) -> None:
    text = imported(result | {"warnings": ["new\nline soft\u00adly"]}).stdout
    assert "Warning: new line soft ly" in text
    assert place(data_dir).exists()


def test_a_terminal_that_knows_ascii_only_is_enough(data_dir: Path, result: Result) -> None:
    done = imported(on_machine(result, processor="Core\N{TRADE MARK SIGN} 9"), charset="ascii")
    assert b"Core? 9" in done.stdout_bytes
    assert place(data_dir).exists()
