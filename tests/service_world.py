"""A small world for tests of the service: the tiny space with an untrained supernet and a table of a made-up board."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import httpx
import numpy as np

from latency_tables import LatencyTable, Provenance, Uncertainty, write_table
from latency_tables.agent import describe_machine
from search import Evaluations, Space, load_space
from search.supernet.artefact import write_artefact
from search.supernet.subnet import required_tensors
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SPACE, DEVICE = "tiny-cifar10", "test-board"
REQUEST = {"space": SPACE, "devices": [DEVICE], "population": 8, "generations": 5, "seed": 3}
TERMINAL = ("succeeded", "failed", "cancelled")


def all_genomes(space: Space) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, space.n_choices.tolist()))), dtype=np.int64)


def errors_of(space: Space, genomes: np.ndarray) -> np.ndarray:
    """Made up: architectures with more macs err less."""
    macs = np.array([space.architecture(genome).macs for genome in genomes], dtype=np.float64)
    return 0.1 + 0.4 * np.exp(-macs / macs.mean())


def write_supernet(folder: Path, name: str = SPACE) -> Path:
    """Write an artefact with random weights; returns the folder of all artefacts."""
    space, rng = load_space(name), np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {}
    for choice in range(int(space.n_choices.max())):
        for tensor, shape in required_tensors(space.architecture(np.minimum(choice, space.n_choices - 1))).items():
            shapes[tensor] = tuple(np.maximum(shape, shapes.get(tensor, shape)).tolist())
    weights = {tensor: (0.1 * rng.standard_normal(shape)).astype(np.float16) for tensor, shape in shapes.items()}
    few = all_genomes(space) if name == SPACE else rng.integers(0, space.n_choices, (60, len(space.n_choices)))
    errors = errors_of(space, few)
    classes = [f"class{number}" for number in range(space.classes)]
    card = {"space": space.name, "space_sha256": space.sha256, "classes": classes}
    write_artefact(folder / space.name, weights, Evaluations(few, errors, 3 * errors), card)
    return folder


def board_table(name: str = SPACE, device: str = DEVICE) -> LatencyTable:
    """A table in which an operator takes 1 ms per 10^6 macs, and at least 10 microseconds."""
    provenance = Provenance(
        device, "none", "none", "0", 1, 1, "float32", 1, "made up", "2026-11-22", "tests", "estimated", ""
    )
    rows = {block.operator_key: 0.01 + block.macs / 1e6 for block in load_space(name).operators()}
    return LatencyTable(
        device, name, 0.5, frozenset(), rows, provenance, None, Uncertainty(((0.0,),) * (1 + len(rows)), 0.1, 1.0)
    )


def local_table(name: str = SPACE, device: str = "local-cpu", threads: int = 1) -> LatencyTable:
    """The same made-up numbers in a table that says it was measured on this machine."""
    machine, table = describe_machine(), board_table(name, device)
    processor = f"{machine['board']} ({machine['processor']})" if machine["board"] else machine["processor"]
    known = {"runtime": "onnxruntime", "runtime_version": version("onnxruntime"), "kind": "measured"}
    return replace(table, provenance=replace(table.provenance, processor=processor, threads=threads, **known))


def build_world(folder: Path, spaces: tuple[str, ...] = (SPACE,)) -> Settings:
    """Data folder and supernets under `folder`, and the settings that use them."""
    for name in spaces:
        write_supernet(folder / "supernets", name)
        write_table(board_table(name), folder / "data" / "tables" / DEVICE / f"{name}.json")
    return Settings(data_dir=folder / "data", pretrained_dir=folder / "supernets", port=0, cancel_grace_s=1.0)


def environment(settings: Settings) -> dict[str, str]:
    """Variables with which `lutnas serve` uses the same world."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LUTNAS_")}
    own = {"LUTNAS_DATA_DIR": str(settings.data_dir), "LUTNAS_PRETRAINED_DIR": str(settings.pretrained_dir)}
    return kept | own | {"PYTHONPATH": str(ROOT), "LUTNAS_PORT": "0"}


class Server:
    """`lutnas serve` as a process of its own."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self.log = settings.data_dir.parent / f"server-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "service.cli", "serve", *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment(settings), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        self.client = httpx.Client(base_url=self._url(), timeout=30)

    def _url(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            text = self.log.read_text()
            if "is ready on " in text:
                return text.split("is ready on ", 1)[1].split(" ", 1)[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"the server did not start: {self.log.read_text()[-2000:]}")

    def post(self, request: dict) -> str:
        answer = self.client.post("/v1/searches", json=request)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, search_id: str) -> dict:
        return self.client.get(f"/v1/searches/{search_id}").json()

    def wait_for(self, search_id: str, *states: str, timeout_s: float = 60) -> dict:
        deadline = time.monotonic() + timeout_s
        while (job := self.job(search_id))["state"] not in (states or TERMINAL):
            assert time.monotonic() < deadline, f"{job}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        return job

    def end(self) -> int:
        self.client.close()
        self.process.terminate()
        return self.process.wait(15)

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(15)


@contextmanager
def running_server(settings: Settings, *arguments: str) -> Iterator[Server]:
    server = Server(settings, *arguments)
    try:
        yield server
    finally:
        server.client.close()
        if server.process.poll() is None:
            server.end()


@contextmanager
def occupied_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
