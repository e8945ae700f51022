"""Benchmarks fail where a figure is missed or cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks import search as search_benchmark
from benchmarks import service as service_benchmark
from benchmarks.supernet import is_same
from search import ArtefactError, load_space


def client_of(answer: Callable[[], httpx.Response]) -> httpx.Client:
    return httpx.Client(base_url="http://test", transport=httpx.MockTransport(lambda request: answer()))


def running() -> httpx.Response:
    return httpx.Response(200, json={"state": "running", "progress": {"phase": "evolving"}})


def test_all_samples_are_taken() -> None:
    with client_of(running) as client:
        service_benchmark.wait_until_both_run(client, ["/a", "/b"])
        assert len(service_benchmark.time_gets(client, ["/a", "/b"], 5)) == 5


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("phase", ["waiting", "evolving", "done"])
def test_a_search_that_has_ended_ends_the_benchmark(state: str, phase: str) -> None:
    ended: dict[str, Any] = {"state": state, "progress": {"phase": phase}, "error": None}
    with client_of(lambda: httpx.Response(200, json=ended)) as client:
        with pytest.raises(SystemExit, match=f"has {state} before"):
            service_benchmark.wait_until_both_run(client, ["/a", "/b"])
        with pytest.raises(SystemExit, match=f"has {state} before"):
            service_benchmark.time_gets(client, ["/a", "/b"], 5)


def test_searches_that_never_start_end_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_benchmark, "START_S", 0)
    waiting = {"state": "queued", "progress": {"phase": "waiting"}}
    with (
        client_of(lambda: httpx.Response(200, json=waiting)) as client,
        pytest.raises(SystemExit, match="did not start"),
    ):
        service_benchmark.wait_until_both_run(client, ["/a"])


@pytest.mark.parametrize(("p99_ms", "code"), [(99.9, 0), (100.0, 0), (100.1, 1)])
def test_slow_answers_are_a_failure(monkeypatch: pytest.MonkeyPatch, p99_ms: float, code: int) -> None:
    figures = {"samples": 5, "p50_ms": 1.0, "p99_ms": p99_ms, "max_ms": 200.0, "cores": 2}
    monkeypatch.setattr(service_benchmark, "measure", lambda samples, generations: figures)
    monkeypatch.setattr("sys.argv", ["service"])
    assert service_benchmark.main() == code


@pytest.mark.parametrize(
    ("difference", "same", "expected"),
    [(1e-5, 1.0, True), (1e-4, 1.0, True), (2e-4, 1.0, False), (1e-5, 0.999, False), (float("nan"), 1.0, False)],
)
def test_parity_has_two_limits(difference: float, same: float, expected: bool) -> None:
    assert is_same({"largest_difference_over_scale": difference, "same_top1": same}) is expected


def test_errors_are_made_up_for_the_small_space_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(search_benchmark, "_PRETRAINED", tmp_path)
    assert "made up" in search_benchmark.fit_predictor(load_space("tiny-cifar10"))[1]
    with pytest.raises(ArtefactError):
        search_benchmark.fit_predictor(load_space("fbnet-cifar10"))
