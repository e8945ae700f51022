"""Whatever ends the demo ends its service, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import demo
from service.demo import _ended_by_signals

ROOT = Path(__file__).resolve().parents[3]
DEMO = """
import signal, subprocess, sys, time
from pathlib import Path
from rich.console import Console
from service import demo

for name in sys.argv[2:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
demo.measure_device = lambda *_: None
demo._wait_until_ready = lambda *_: "http://127.0.0.1:1"
demo._start = lambda *_: subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

def search(*_):
    time.sleep(60)

demo._search = search
start = demo._start

def started(*arguments):
    process = start(*arguments)
    Path(sys.argv[1], "service.pid").write_text(f"{process.pid}\\n")
    return process

demo._start = started
demo.run_demo(Path(sys.argv[1]), budget_s=1, all_models=False, console=Console(quiet=True))
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen, int]]:
    """A demo that searches for a minute, and the process id of its service; the parameter lists ignored signals."""
    ignored = getattr(request, "param", ())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", DEMO, str(tmp_path), *ignored], env=environment)
    file = tmp_path / "service.pid"
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text().endswith("\n")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    service = int(file.read_text())
    yield process, service
    process.kill()
    process.wait()
    if alive(service):
        os.kill(service, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_demo_with_its_service(running: tuple[subprocess.Popen, int], number: int) -> None:
    process, service = running
    assert alive(service)
    process.send_signal(number)
    assert process.wait(20) in (128 + number, -number)
    assert not alive(service)


@pytest.mark.parametrize("running", [("SIGHUP",)], indirect=True)
def test_a_signal_that_is_ignored_stays_ignored(running: tuple[subprocess.Popen, int]) -> None:
    process, service = running
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert not alive(service)


def test_handlers_are_as_before_when_the_demo_has_ended() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with _ended_by_signals():
        assert signal.getsignal(signal.SIGTERM) is demo._exit_by_signal
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_outside_the_main_thread_the_demo_leaves_signals_alone() -> None:
    seen = []

    def run() -> None:
        with _ended_by_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
