"""What goes wrong around a measurement or a demo ends with a message, and before the long part where it can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from latency_tables import MeasureOptions
from service import demo
from service.errors import DataFolderError, DemoError
from service.measure import measure_device
from service.storage.data_folder import hold_data_folder

CONSOLE = Console(quiet=True)
SLEEPER = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def never(*_: object, **__: object) -> None:
    pytest.fail("the measurement began")


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A path below a file, where no folder can be made, whoever runs the tests."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "folder"


def test_a_folder_that_cannot_be_written_is_told_before_measuring(
    blocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.measure.measure_plan", never)
    with pytest.raises(DataFolderError, match="--data-dir") as raised:
        measure_device("tiny-cifar10", "my-board", MeasureOptions(budget_s=1), blocked, CONSOLE)
    assert str(blocked) in str(raised.value)


def test_the_demo_tells_of_a_folder_before_measuring(blocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "measure_device", never)
    with pytest.raises(DemoError, match="--out") as raised:
        demo.run_demo(blocked, budget_s=1, all_models=False, console=CONSOLE)
    assert str(blocked) in str(raised.value)


def test_the_demo_tells_of_a_server_that_uses_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "measure_device", never)
    held = hold_data_folder(tmp_path / "service")
    with pytest.raises(DemoError, match=r"another lutnas server .* --out"):
        demo.run_demo(tmp_path, budget_s=1, all_models=False, console=CONSOLE)
    held.release()


def test_a_full_disk_later_in_the_demo_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "front.csv")

    monkeypatch.setattr(demo, "measure_device", full)
    with pytest.raises(DemoError, match=r"front\.csv cannot be written \(No space left on device\)"):
        demo.run_demo(tmp_path, budget_s=1, all_models=False, console=CONSOLE)


def ask_a_dead_service(log: Path) -> None:
    with demo._service(log.parent, log, CONSOLE) as client:
        client.get("/v1/spaces")


def test_a_service_that_dies_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = subprocess.Popen([sys.executable, "-c", SLEEPER])
    log = tmp_path / "service.log"
    monkeypatch.setattr(demo, "_start", lambda *_: started)
    monkeypatch.setattr(demo, "_wait_until_ready", lambda *_: "http://127.0.0.1:1")
    with pytest.raises(DemoError, match="does not answer") as raised:
        ask_a_dead_service(log)
    assert str(log) in str(raised.value)
    assert isinstance(raised.value.__cause__, httpx.HTTPError)
    assert started.returncode is not None


def test_a_service_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_STOP_S", 0.1)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        demo._end(process)
        assert process.returncode == -9
