"""`lutnas demo` and `lutnas measure` as a user runs them, with less time for timing."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from latency_tables import agent, read_table, write_plan
from search import load_space, measurement_plan

FILES = {"front.json", "front.csv", "front.png", "models", "service", "service.log"}


def lutnas(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    done = lutnas("demo", "--budget", "2", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "lutnas-demo", done.stdout


def test_the_demo_leaves_what_it_promises(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    assert {path.name for path in folder.iterdir()} == FILES
    fronts = json.loads((folder / "front.json").read_text())["fronts"]
    assert [front["device"] for front in fronts] == ["local-cpu", "raspberry-pi-4"]
    with (folder / "front.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == sum(len(front["items"]) for front in fronts)


@pytest.mark.parametrize("device", ["local-cpu", "raspberry-pi-4"])
def test_the_networks_run_and_are_those_of_the_front(demo: tuple[Path, str], device: str) -> None:
    folder, _ = demo
    fronts = {front["device"]: front for front in json.loads((folder / "front.json").read_text())["fronts"]}
    known = {item["architecture_id"]: item for item in fronts[device]["items"]}
    files = sorted((folder / "models" / device).glob("*.onnx"))
    assert len(files) == min(12, len(known))
    for file in files[:3]:
        properties = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
        assert float(properties["expected_error"]) == known[file.stem]["error"]
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"image": np.zeros((2, 3, 32, 32), dtype=np.float32)})
        assert logits.shape == (2, 10)
        assert np.isfinite(logits).all()


def test_the_demo_checks_three_networks_and_tells_how_to_go_on(demo: tuple[Path, str]) -> None:
    _, output = demo
    lines = output.splitlines()
    assert len([line for line in lines if "on this CPU: predicted" in line and "measured" in line]) == 3
    assert any("lutnas serve --data-dir" in line for line in lines)
    assert any(line.strip().startswith("curl -X POST") for line in lines)
    assert any("Measuring: 100%" in line for line in lines)


def test_measure_writes_a_complete_table_with_its_honesty(tmp_path: Path) -> None:
    arguments = ("measure", "--space", "tiny-cifar10", "--budget", "1", "--device", "my-board", "--data-dir", ".")
    done = lutnas(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = read_table(tmp_path / "tables" / "my-board" / "tiny-cifar10.json")
    assert table.kind == "measured"
    assert table.provenance.threads == 1
    assert table.honesty is not None
    assert "that a fit did not see" in done.stdout


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the agent, as the one file that a device gets, writes for tiny-cifar10."""
    folder = tmp_path_factory.mktemp("device")
    (folder / "agent.py").write_bytes(Path(agent.__file__).read_bytes())
    (folder / "plan.zip").write_bytes(write_plan(measurement_plan(load_space("tiny-cifar10"))))
    command = [sys.executable, "agent.py", "--plan", "plan.zip", "--out", "result.json", "--budget-s", "1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "result.json"


IMPORT = ("measure", "--space", "tiny-cifar10", "--device", "my-board", "--data-dir", ".")


def test_a_result_of_another_device_becomes_its_table(tmp_path: Path, result: Path) -> None:
    done = lutnas(*IMPORT, "--result", str(result), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = read_table(tmp_path / "tables" / "my-board" / "tiny-cifar10.json")
    assert (table.device, table.kind) == ("my-board", "measured")
    assert table.provenance.date == json.loads(result.read_text())["date"]
    assert table.missing([block.operator_key for block in load_space("tiny-cifar10").operators()]) == ()
    assert "that a fit did not see" in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"half a fi", "agent.py --out"),
        (b"\xff\xfe", "agent.py --out"),
        (b"[1]", "one JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b"{}", "plan_sha256"),
        (b" " * 5_000_000, "bytes"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "result.json").write_bytes(content)
    done = lutnas(*IMPORT, "--result", "result.json", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "result" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*IMPORT[:2], "fbnet-cifar10", *IMPORT[3:]), "of another space than fbnet-cifar10"),
        ((*IMPORT[:3], "--device", "../x"), "is no name for a device"),
        ((*IMPORT[:3], "--device", "con"), "is no name for a device"),
        (IMPORT[:3], "name it with --device"),
    ],
)
def test_a_result_is_not_taken_for_another_device_or_space(
    tmp_path: Path, result: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = lutnas(*arguments, "--result", str(result), cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("measure", "--device", "../x"), "is no name for a device"),
        (("measure", "--space", "no-such-space"), "Known spaces: fbnet-cifar10, tiny-cifar10"),
        (("measure", "--threads", "0"), "--threads"),
        (("measure", "--budget", "nan"), "--budget"),
        (("demo", "--budget", "-1"), "--budget"),
    ],
)
def test_wrong_arguments_end_with_a_message(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = lutnas(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
