"""Small plans, results and tables that the tests of `latency_tables` share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from latency_tables import LatencyTable, MeasurementPlan, OperatorKey, PlanEntry, Provenance, agent, write_plan
from tests.agent_backend import HONESTY, PLAN_PATH, TABLE_PATH, Backend, Reply
from tests.agent_result import result_document

SKIP = OperatorKey("skip", (16, 32, 32), (24, 32, 32), (("stride", 1),))
STEM = OperatorKey("stem", (3, 32, 32), (16, 32, 32), (("kernel", 3), ("stride", 1)))


def convolution_onnx(channels: int, *, element: int = TensorProto.FLOAT) -> bytes:
    """One 3x3 convolution of an 8x8 image with a dynamic batch."""
    weight = np.full((channels, channels, 3, 3), 0.01, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["y"], pads=[1, 1, 1, 1])],
        "convolution",
        [helper.make_tensor_value_info("image", element, ["n", channels, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def convolution_key(channels: int) -> OperatorKey:
    return OperatorKey("convolution", (channels, 8, 8), (channels, 8, 8), (("kernel", 3),))


@pytest.fixture
def make_onnx() -> Callable[..., bytes]:
    return convolution_onnx


@pytest.fixture
def provenance() -> Provenance:
    return Provenance(
        "my-board",
        "Cortex-A72",
        "onnxruntime",
        "1.32.0",
        1,
        1,
        "float32",
        40,
        "median",
        "2026-11-22",
        "here",
        "measured",
    )


@pytest.fixture
def table(provenance: Provenance) -> LatencyTable:
    """A table with one row (2 ms), a covered stem and 1.5 ms fixed."""
    return LatencyTable("my-board", "tiny", 1.5, frozenset({STEM}), {SKIP: 2.0}, provenance)


@pytest.fixture
def plan() -> MeasurementPlan:
    """Three convolutions with models that run, the last one as a network."""
    roles = {4: "operator", 8: "operator", 16: "network"}
    return MeasurementPlan(
        "tiny",
        tuple(
            PlanEntry(f"conv-{n}", (convolution_key(min(n, 8)),), convolution_onnx(n), role)  # type: ignore[arg-type]
            for n, role in roles.items()
        ),
    )


@pytest.fixture
def result_for() -> Callable[[MeasurementPlan, dict[str, float]], dict[str, Any]]:
    """Makes the result that the agent would return for these times in ms."""
    return _result


def _result(plan: MeasurementPlan, times_ms: dict[str, float]) -> dict[str, Any]:
    entries = {
        name: {
            "ms": ms, "first_half_ms": ms, "second_half_ms": 1.02 * ms, "rounds": 20, "runs": 3, "seconds": 0.5,
        }
        for name, ms in times_ms.items()
    }  # fmt: skip
    machine = {
        "processor": "AMD EPYC", "board": None, "architecture": "x86_64", "cores": 2, "features": ["avx2"],
        "frequency_mhz": None, "governor": None, "os": "Linux 6", "python": "3.11.7", "emulated": False,
        "emulation": None,
    }  # fmt: skip
    return result_document(plan, entries, machine)


class FakeClock:
    """A clock that only runs of models move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, run_s: float, slowdown: float = 1.0) -> None:
        self.now = 0.0
        self.run_s, self.slowdown = run_s, slowdown
        monkeypatch.setattr(agent.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(agent.time, "perf_counter_ns", self.tick)
        self.starting = True

    def tick(self) -> int:
        if not self.starting:
            self.now += self.run_s
            self.run_s *= self.slowdown
        self.starting = not self.starting
        return round(self.now * 1e9)


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeClock]:
    """Puts such a clock into the agent: `fake_clock(run_s=0.01)`."""
    return functools.partial(FakeClock, monkeypatch)


@pytest.fixture
def make_backend() -> Iterator[Callable[[], Backend]]:
    made: list[Backend] = []

    def make() -> Backend:
        made.append(Backend())
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make_backend: Callable[[], Backend], plan: MeasurementPlan) -> Backend:
    """A server that gives the plan and takes the result."""
    made = make_backend()
    made.replies = {
        PLAN_PATH: [Reply(200, write_plan(plan))],
        TABLE_PATH: [Reply(201, json.dumps({"name": "rpi5", "honesty": HONESTY}).encode())],
    }
    return made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """Seconds that the agent would have slept; its files go to an empty folder."""
    slept: list[float] = []
    monkeypatch.setattr(agent.time, "sleep", slept.append)
    monkeypatch.delenv("LUTNAS_TOKEN", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return slept
