"""The demo, `lutnas demo`: the whole way of the data on this machine, through the HTTP API like any client.

Measures this CPU, starts the service in a process of its own, posts one search per device, waits, downloads, and
checks three predictions by running the networks. What people see of it is in `demo_report.py`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from rich.console import Console

from latency_tables import MeasureOptions, time_models
from search import evenly_spread
from service import demo_report
from service.errors import DataFolderError, DemoError
from service.measure import LOCAL_DEVICE, measure_device
from service.progress import Bars, showing
from service.storage.data_folder import hold_data_folder

SPACE = "fbnet-cifar10"
DEVICES = (LOCAL_DEVICE, "raspberry-pi-4")
SEED = 2026
_START_S = 60.0
_STOP_S = 30.0
_SEARCH_S = 300.0
_POLL_S = 0.25
_CHECKED = 3
_CHECK_BUDGET_S = 3.0
_READY = "lutnas is ready on "


@dataclass(frozen=True)
class DeviceFront:
    """One search of the demo with its front and every evaluated candidate, as the API tells them."""

    device: str
    search_id: str
    front: dict[str, Any]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The front's networks, best error first."""
        return list(self.front["items"])


def run_demo(folder: Path, *, budget_s: float, all_models: bool, console: Console) -> None:
    """Run the demo and write its results into `folder`; `all_models` downloads whole fronts, some GB.

    Raises:
        DemoError: the folder cannot be written or a server uses it (both known before the measurement), the service
            did not start or died, or a search did not succeed.
        MeasurementError, TableFileError: this machine could not be measured, or the table not be written.
    """
    try:
        with _ended_by_signals():
            _run(folder, budget_s, all_models, console)
    except DataFolderError as error:
        raise DemoError(f"Folder {error.path}: {error.reason}. Choose another with --out.") from error
    except OSError as error:
        reason = f"{error.filename or folder} cannot be written ({error.strerror or error})"
        raise DemoError(f"{reason}. Make room or rights for it, or choose another folder with --out.") from error


def _run(folder: Path, budget_s: float, all_models: bool, console: Console) -> None:
    started = time.monotonic()
    data_dir = folder / "service"
    hold_data_folder(data_dir).release()
    measure_device(SPACE, LOCAL_DEVICE, MeasureOptions(budget_s=budget_s), data_dir / "tables", console)
    with _service(data_dir, folder / "service.log", console) as client:
        fronts = _search(client, console)
        for found in fronts:
            console.print(demo_report.front_table(found.device, found.items))
        demo_report.write_files(folder, fronts)
        _download(client, fronts, folder, all_models, console)
    _check(fronts[0], folder, console)
    for line in demo_report.closing(folder, data_dir, fronts, time.monotonic() - started):
        console.print(line, soft_wrap=True, highlight=False)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl+C does: its service ends, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    # One that is ignored stays so: `nohup lutnas demo` outlives its terminal.
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _exit_by_signal)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _exit_by_signal(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _service(data_dir: Path, log: Path, console: Console) -> Iterator[httpx.Client]:
    """The service on a free loopback port, ended with the block."""
    process = _start(data_dir, log)
    try:
        with console.status("Starting the service ..."):
            url = _wait_until_ready(process, log)
        console.print(f"The service runs on {url} (log: {log}).", soft_wrap=True)
        with httpx.Client(base_url=url, timeout=60.0) as client:
            yield client
    except httpx.HTTPError as error:
        raise DemoError(f"The service does not answer ({error}). Its log is {log}.") from error
    finally:
        _end(process)


def _start(data_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(data_dir)]
    with log.open("w", encoding="utf-8") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8", errors="replace")
        if _READY in text:
            return text.split(_READY, 1)[1].split()[0]
        time.sleep(0.05)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise DemoError(f"The service did not start: {' '.join(last) or 'no message'}. Its log is {log}.")


def _search(client: httpx.Client, console: Console) -> list[DeviceFront]:
    """Post one search per device, show both until they end, fetch the fronts."""
    started = time.monotonic()
    ids = {device: _post(client, device) for device in DEVICES}
    with showing(console) as bars:
        for device in DEVICES:
            bars.show(f"Searching {device}", 0.0, "queued")
        waiting = dict(ids)
        while waiting:
            waiting = {name: search_id for name, search_id in ids.items() if not _show(client, bars, name, search_id)}
            if time.monotonic() - started > _SEARCH_S:
                raise DemoError(f"The searches did not end within {_SEARCH_S:.0f} s.")
            time.sleep(_POLL_S)
    console.print(f"Both searches took {time.monotonic() - started:.1f} s.", highlight=False)
    return [
        DeviceFront(device, search_id, _get(client, f"/v1/searches/{search_id}/front?include=evaluated"))
        for device, search_id in ids.items()
    ]


def _post(client: httpx.Client, device: str) -> str:
    answer = client.post("/v1/searches", json={"space": SPACE, "devices": [device], "seed": SEED})
    return str(_content(answer)["id"])


def _show(client: httpx.Client, bars: Bars, device: str, search_id: str) -> bool:
    """Show where a search stands; return whether it has succeeded."""
    job = _get(client, f"/v1/searches/{search_id}")
    if job["state"] in ("failed", "cancelled"):
        raise DemoError(f"The search for {device} has {job['state']}: {job['error'] or job['state_reason']}")
    progress = job["progress"] or {}
    fraction = 1.0 if job["state"] == "succeeded" else min(0.99, progress.get("fraction") or 0.0)
    note = f"{progress.get('evaluations', 0)} networks, {job['state']}"
    bars.show(f"Searching {device}", fraction, note)
    return bool(job["state"] == "succeeded")


def _get(client: httpx.Client, url: str) -> dict[str, Any]:
    return _content(client.get(url))


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise DemoError(f"The service answered {answer.status_code}: {answer.text[:500]}")
    content: dict[str, Any] = answer.json()
    return content


def _download(
    client: httpx.Client, fronts: list[DeviceFront], folder: Path, all_models: bool, console: Console
) -> None:
    """ONNX files of the printed networks, or of all, into `models/<device>/`; files of an earlier demo go."""
    with showing(console) as bars:
        for found in fronts:
            models = demo_report.models_folder(folder, found.device)
            models.mkdir(parents=True, exist_ok=True)
            for old in models.glob("*.onnx"):
                old.unlink()
            items = found.items if all_models else evenly_spread(found.items, demo_report.SHOWN)
            for number, item in enumerate(items, 1):
                answer = client.get(item["model_url"])
                if answer.is_error:
                    raise DemoError(f"The service answered {answer.status_code} for {item['model_url']}.")
                (models / f"{item['architecture_id']}.onnx").write_bytes(answer.content)
                bars.show(f"Downloading networks for {found.device}", number / len(items), f"{number} of {len(items)}")


def _check(found: DeviceFront, folder: Path, console: Console) -> None:
    """Run some of the local front's networks here and set the times beside the predictions."""
    items = evenly_spread(evenly_spread(found.items, demo_report.SHOWN), _CHECKED)
    models = demo_report.models_folder(folder, found.device)
    files = [(models / f"{item['architecture_id']}.onnx").read_bytes() for item in items]
    with console.status("Running three networks of the front on this CPU ..."):
        measured = time_models(files, MeasureOptions(budget_s=_CHECK_BUDGET_S))
    for item, ms in zip(items, measured, strict=True):
        console.print(demo_report.checked(item, found.device, ms), soft_wrap=True, highlight=False)
