"""What the demo shows and writes: a table per front, the files, the check, the next steps."""

from __future__ import annotations

import csv
import json
import math
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from search import Cloud, evenly_spread, front_png

if TYPE_CHECKING:
    from service.demo import DeviceFront

SHOWN = 12
"""Networks of a front that are printed and downloaded; a front has hundreds, some MB each."""

Item = dict[str, Any]


def models_folder(folder: Path, device: str) -> Path:
    """Where the ONNX files of a device's front lie."""
    return folder / "models" / device


def front_table(device: str, items: Sequence[Item]) -> Table:
    """A front as a table for the terminal, the most accurate network first."""
    shown = evenly_spread(items, SHOWN)
    left_out = f", {len(shown)} of {len(items)} shown" if len(shown) < len(items) else ""
    table = Table(title=f"Front for {device}: {len(items)} networks{left_out}", title_justify="left")
    for heading in ("network", "expected error", "latency (ms)", "macs (M)", "size (MB)"):
        table.add_column(heading, justify="left" if heading == "network" else "right", no_wrap=True)
    for item in shown:
        low, high = item["error_interval"]
        table.add_row(
            item["architecture_id"][:8],
            f"{item['error']:.1%} [{low:.1%}, {high:.1%}]",
            _latency(item["latency_ms"][device]),
            f"{item['macs'] / 1e6:.1f}",
            f"{item['size_bytes'] / 1e6:.1f}",
        )
    return table


def write_files(folder: Path, fronts: Sequence[DeviceFront]) -> None:
    """Write `front.json`, `front.csv` and `front.png`: all networks of all fronts."""
    documents = []
    for found in fronts:
        document = {name: value for name, value in found.front.items() if name != "evaluated"}
        documents.append({"device": found.device, **document})
    (folder / "front.json").write_text(json.dumps({"fronts": documents}, indent=1) + "\n", encoding="utf-8")
    _write_csv(folder / "front.csv", fronts)
    clouds = [_cloud(found.front["evaluated"]) for found in fronts]
    title = "Networks found: expected error against latency"
    (folder / "front.png").write_bytes(front_png(clouds, title=title))


def checked(item: Item, device: str, measured_ms: float) -> str:
    """One line: what was predicted, what was measured."""
    latency = item["latency_ms"][device]
    off = (latency["expected"] - measured_ms) / measured_ms
    inside = ""
    if latency["low"] is not None:
        verb = "inside" if latency["low"] <= measured_ms <= latency["high"] else "outside"
        inside = f", {verb} the 90 % interval"
    return (
        f"{item['architecture_id'][:8]} on this CPU: predicted {_latency(latency)} ms, measured {measured_ms:.2f} ms "
        f"(prediction {abs(off):.1%} {'above' if off > 0 else 'below'} measurement{inside})"
    )


def closing(folder: Path, data_dir: Path, fronts: Sequence[DeviceFront], seconds: float) -> list[str]:
    """Where the results lie and what to do next."""
    last = fronts[-1]
    middling_ms = math.ceil(statistics.median(item["latency_ms"][last.device]["expected"] for item in last.items))
    limits = f'{{"latency_ms": {{"{last.device}": {{"max": {middling_ms}}}}}}}'
    request = f'{{"space": "fbnet-cifar10", "devices": ["{last.device}"], "limits": {limits}}}'
    downloaded = len(list(models_folder(folder, fronts[0].device).glob("*.onnx")))
    return [
        "",
        f"Done in {seconds:.0f} s. In {folder}/: front.json, front.csv, front.png (look at it), and "
        + ", ".join(f"{downloaded} of {len(found.items)} networks in models/{found.device}/" for found in fronts)
        + ".",
        "",
        "Keep the service running with these results, and ask for more:",
        f"  {shlex.join([_own_command(), 'serve', '--data-dir', str(data_dir)])}",
        f"  curl -X POST http://127.0.0.1:8000/v1/searches -H 'Content-Type: application/json' -d '{request}'",
        "  curl http://127.0.0.1:8000/v1/searches          (all searches; /docs explains every call)",
        f"  curl http://127.0.0.1:8000/v1/searches/{fronts[0].search_id}/front",
    ]


def _own_command() -> str:
    """`lutnas` with its path: the README calls it in a virtual environment that was never activated."""
    beside = Path(sys.executable).with_name("lutnas")
    return str(beside) if beside.is_file() else "lutnas"


def _latency(latency: dict[str, Any]) -> str:
    if latency["low"] is None:
        return f"{latency['expected']:.2f}"
    return f"{latency['expected']:.2f} [{latency['low']:.2f}, {latency['high']:.2f}]"


def _cloud(evaluated: dict[str, Any]) -> Cloud:
    return Cloud(tuple(evaluated["columns"]), evaluated["values"], evaluated["feasible"])


def _write_csv(path: Path, fronts: Sequence[DeviceFront]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["device", "architecture_id", "error", "error_low", "error_high", "latency_ms", "latency_ms_low",
             "latency_ms_high", "macs", "params", "size_bytes", "peak_activation_bytes", "genome", "blocks"]
        )  # fmt: skip
        for found in fronts:
            writer.writerows(_csv_row(found.device, item) for item in found.items)


def _csv_row(device: str, item: Item) -> list[object]:
    latency = item["latency_ms"][device]
    return [
        device,
        item["architecture_id"],
        item["error"],
        *item["error_interval"],
        latency["expected"],
        latency["low"],
        latency["high"],
        *(item[name] for name in ("macs", "params", "size_bytes", "peak_activation_bytes")),
        " ".join(map(str, item["genome"])),
        " ".join(item["blocks"]),
    ]
