"""The proof on aarch64: what it fetches and how, what it refuses, and, where it was fetched before, the run itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import aarch64
from latency_tables import MeasurementPlan, MeasureOptions, measure_plan, write_plan
from search import load_space, measurement_plan

PREPARED = Path(os.environ.get("AARCH64_WORK", "~/.cache/lutnas/aarch64")).expanduser()


@pytest.fixture(scope="module")
def plan() -> MeasurementPlan:
    return measurement_plan(load_space(aarch64.SPACE), networks=12)


@pytest.fixture(scope="module")
def measured_here(plan: MeasurementPlan) -> dict[str, Any]:
    return measure_plan(write_plan(plan), MeasureOptions(budget_s=0.1))


def emulated(result: dict[str, Any], **machine: object) -> dict[str, Any]:
    changed = {"architecture": "aarch64", "emulated": True, "emulation": "qemu-user", **machine}
    warnings = ["This processor is emulated (qemu-user)."]
    return result | {"machine": result["machine"] | changed, "warnings": warnings}


def test_an_emulated_result_becomes_a_table_that_says_so(plan: MeasurementPlan, measured_here: dict[str, Any]) -> None:
    table = aarch64.check(plan, emulated(measured_here))
    assert table.provenance.emulated
    assert "This processor is emulated" in table.provenance.notes
    assert len(table.operator_ms) == 12


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"architecture": "x86_64"}, "wrong in: architecture"),
        ({"emulated": False}, "wrong in: emulated, provenance"),
        ({"emulation": None}, "wrong in: emulated"),
    ],
)
def test_a_result_of_another_machine_proves_nothing(
    machine: dict[str, object], words: str, plan: MeasurementPlan, measured_here: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit, match=words):
        aarch64.check(plan, emulated(measured_here, **machine))


def test_apt_keeps_to_its_folder(tmp_path: Path) -> None:
    options = [part for part in aarch64.apt_command(tmp_path, "amd64") if "=" in part]
    assert f"Dir::State::lists={tmp_path}/lists" in options
    assert f"Dir::Cache={tmp_path}/cache" in options
    assert f"Dir::State::status={tmp_path}/status" in options
    assert options[-2:] == ["APT::Architectures::=amd64", "APT::Architectures::=arm64"]


def test_an_arm_host_is_named_once(tmp_path: Path) -> None:
    assert aarch64.apt_command(tmp_path, "arm64").count("APT::Architectures::=arm64") == 1


def test_wheels_of_aarch64_are_asked_for() -> None:
    command = aarch64.pip_command()
    assert command[1:4] == ["-m", "pip", "download"]
    assert "manylinux_2_28_aarch64" in command
    assert "--only-binary=:all:" in command


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "complete").touch()
    monkeypatch.setattr(aarch64, "_run", lambda *_: pytest.fail("something was fetched"))
    aarch64.fetch(tmp_path)


def test_a_system_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aarch64.shutil, "which", lambda tool: None)
    with pytest.raises(SystemExit, match="apt-get is missing: this needs a Debian system"):
        aarch64.fetch(tmp_path)


def test_a_command_that_fails_ends_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"ended with 3:\nno such package"):
        aarch64._run(
            [sys.executable, "-c", "import sys; print('no such package', file=sys.stderr); sys.exit(3)"], tmp_path
        )


@pytest.mark.slow
@pytest.mark.skipif(
    not (PREPARED / "complete").exists(),
    reason=f"needs qemu and arm64 packages: `python -m benchmarks.aarch64 --work {PREPARED}` fetches them (120 MB)",
)
def test_the_real_agent_runs_on_aarch64(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.aarch64", "--work", str(PREPARED), "--budget", "2", "--json", str(out)]
    root = Path(aarch64.__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["machine"]["architecture"] == "aarch64"
    assert found["provenance_emulated"]
    assert found["models_timed"] == 24
