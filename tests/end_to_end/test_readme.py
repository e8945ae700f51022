"""The README's tour of the service, run line by line as a reader would, against a real server."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "curl")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"the README's tour needs {', '.join(MISSING)}: apt-get install them"
)


def tour() -> str:
    """The first shell block of the section `Use the service`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Use the service\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install(folder: Path) -> None:
    """What the README's first command leaves: `.venv/bin/lutnas`, here a door to the code under test."""
    command = folder / ".venv" / "bin" / "lutnas"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from service.cli import main; main()' \"$@\"\n")
    command.chmod(0o755)


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tour was run to its end."""
    folder = tmp_path_factory.mktemp("tour")
    install(folder)
    port = free_port()
    script = tour().replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    assert script != tour()
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "LUTNAS_DATA_DIR": str(folder / "data"),
        "LUTNAS_PORT": str(port),
    }
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p); wait' EXIT\n{script}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    (folder / "output.txt").write_text(result.stdout + result.stderr)
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return folder


def front(folder: Path) -> list[dict]:
    return json.loads((folder / "front.json").read_text())["items"]


def test_the_front_keeps_the_limit_that_was_asked_for(toured: Path) -> None:
    latencies = [item["latency_ms"]["raspberry-pi-4"]["expected"] for item in front(toured)]
    assert len(latencies) >= 2
    assert max(latencies) <= 25
    assert all(0 < item["error"] < 1 for item in front(toured))


def test_the_csv_has_a_row_for_every_item(toured: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((toured / "front.csv").read_text())))
    assert [row["architecture_id"] for row in rows] == [item["architecture_id"] for item in front(toured)]


def test_the_fastest_network_runs(toured: Path) -> None:
    session = onnxruntime.InferenceSession(toured / "fastest.onnx", providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)
    (logits,) = session.run(["logits"], {"image": images})
    assert logits.shape == (3, 10)
    assert np.isfinite(logits).all()
    fastest = min(front(toured), key=lambda item: item["latency_ms"]["raspberry-pi-4"]["expected"])
    assert session.get_modelmeta().custom_metadata_map["architecture_id"] == fastest["architecture_id"]


def test_the_zip_holds_the_front_and_its_networks(toured: Path) -> None:
    with zipfile.ZipFile(toured / "front.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        networks = [name for name in names if name.endswith(".onnx")]
        assert len(networks) == min(12, len(front(toured)))
        (inside,) = (name for name in names if name.endswith("front.json"))
        assert json.loads(archive.read(inside))["items"] == front(toured)


def test_the_devices_are_listed_and_one_is_drawn(toured: Path) -> None:
    assert "raspberry-pi-4\n  fbnet-cifar10: published" in (toured / "output.txt").read_text()
    assert (toured / "raspberry-pi-4-fbnet-cifar10.png").read_bytes().startswith(b"\x89PNG")


def test_the_server_ends_without_complaint(toured: Path) -> None:
    assert "Traceback" not in (toured / "output.txt").read_text()
