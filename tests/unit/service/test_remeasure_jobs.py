"""The front timed again in a search's process: who is timed, how, and what is kept of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from latency_tables import LatencyTable, MeasureOptions
from search import SearchCancelled, SearchResult, SearchSpec, Space, load_space, run_search
from service.catalogue import Supernet
from service.errors import RemeasureElsewhereError
from service.jobs import remeasure as module
from service.jobs.remeasure import Effort, Remeasurement, local_devices, remeasure
from service.jobs.result_documents import Added, Basis, result_files
from tests.service_world import SPACE, board_table, local_table
from tests.unit.search.fakes import fake_resources


def here(device: str = "local-cpu", threads: int = 1) -> LatencyTable:
    return local_table(device=device, threads=threads)


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space(SPACE)


def search(space: Space, *tables: LatencyTable, objectives: tuple[str, ...] = ("error", "latency_ms")) -> SearchResult:
    by_device = {table.device: table for table in tables}
    spec = SearchSpec(space.name, tuple(by_device), objectives, population=20, generations=8)
    return run_search(spec, fake_resources(space, tables=by_device))


@pytest.fixture
def supernet() -> Supernet:
    """Writes an architecture's genome in place of a network."""
    return Supernet({}, "sha", None, (), lambda architecture, _: json.dumps(architecture.genome).encode())


Timing = Callable[[Sequence[bytes], MeasureOptions, Callable], list[float]]


class Stopwatch:
    """Stands for `time_models`: times by a formula of the table's, and remembers what it was asked."""

    def __init__(self, space: Space, factors: Sequence[float]) -> None:
        self.space, self.factors = space, list(factors)
        self.asked: list[MeasureOptions] = []
        self.models: list[list[bytes]] = []

    def __call__(self, models: Sequence[bytes], options: MeasureOptions, on_progress: Callable) -> list[float]:
        factor = self.factors[len(self.asked)]
        self.asked.append(options)
        self.models.append(list(models))
        on_progress(1, 2, 10.0)
        genomes = [tuple(json.loads(model)) for model in models]
        table = board_table()
        return [factor * table.total_ms(self.space.architecture(genome).operator_keys) for genome in genomes]


@pytest.fixture
def timing(space: Space, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stopwatch]:
    def install(*factors: float) -> Stopwatch:
        watch = Stopwatch(space, factors)
        monkeypatch.setattr(module, "time_models", watch)
        return watch

    return install


def ignore(fraction: float, seconds_left: float) -> None:
    pass


def test_a_device_of_this_machine_is_found_among_others() -> None:
    tables = {"local-cpu": here(), "test-board": board_table()}
    assert list(local_devices(["test-board", "local-cpu"], tables)) == ["local-cpu"]


def test_a_search_for_other_machines_is_refused_with_what_differs() -> None:
    tables = {"test-board": board_table(), "other": board_table(device="other")}
    with pytest.raises(RemeasureElsewhereError, match="lutnas measure") as caught:
        local_devices(["other", "test-board"], tables)
    assert [fault.pointer for fault in caught.value.faults] == ["/devices/0", "/devices/1"]
    assert "the table is of 'none'" in caught.value.faults[0].detail
    assert set(caught.value.differences) == {"other", "test-board"}


def test_an_emulated_table_is_no_table_of_this_machine() -> None:
    table = here()
    emulated = replace(table, provenance=replace(table.provenance, emulated=True))
    with pytest.raises(RemeasureElsewhereError, match="emulated"):
        local_devices(["local-cpu"], {"local-cpu": emulated})


def test_every_network_is_timed_twice_with_the_tables_threads(space: Space, supernet: Supernet, timing) -> None:
    result, watch = search(space, here(threads=3)), timing(1.0, 1.1)
    again = remeasure(result, space, {"local-cpu": here(threads=3)}, supernet, ignore)
    assert [options.threads for options in watch.asked] == [3, 3]
    assert len({options.seed for options in watch.asked}) == 2
    assert watch.models[0] == watch.models[1] == [json.dumps(item.genome).encode() for item in result.front]
    expected = [item.latency_ms["local-cpu"].expected for item in result.front]
    assert again.first_ms["local-cpu"].tolist() == pytest.approx(expected)
    assert again.second_ms["local-cpu"].tolist() == pytest.approx([1.1 * ms for ms in expected])


def test_a_measurement_as_foretold_keeps_the_front(space: Space, supernet: Supernet, timing) -> None:
    timing(1.0, 1.0)
    result = search(space, here())
    summary = remeasure(result, space, {"local-cpu": here()}, supernet, ignore).summary()
    assert summary["networks"] == summary["of"] == len(result.front)
    assert summary["still_non_dominated"] == summary["repeat_still_non_dominated"] == 1.0
    device = summary["devices"]["local-cpu"]
    assert (device["threads"], device["within_5"], device["repeat"]["mape"]) == (1, 1.0, 0.0)
    assert device["mape"] == pytest.approx(0.0, abs=1e-12)
    json.dumps(summary, allow_nan=False)


def test_only_the_devices_of_this_machine_are_timed(space: Space, supernet: Supernet, timing) -> None:
    watch = timing(2.0, 2.0)
    result = search(space, board_table(), here())
    again = remeasure(result, space, {"local-cpu": here()}, supernet, ignore)
    assert len(watch.asked) == 2
    assert list(again.summary()["devices"]) == ["local-cpu"]
    assert all(list(network["remeasured_ms"]) == ["local-cpu"] for network in again.by_network().values())


def test_two_tables_of_this_machine_are_timed_in_turn(space: Space, supernet: Supernet, timing) -> None:
    one, two = here("one", 1), here("two", 2)
    watch = timing(1.0, 0.5, 1.0, 0.5)
    again = remeasure(search(space, one, two), space, {"one": one, "two": two}, supernet, ignore)
    assert [options.threads for options in watch.asked] == [1, 2, 1, 2]
    assert [again.summary()["devices"][name]["threads"] for name in ("one", "two")] == [1, 2]
    assert again.summary()["devices"]["two"]["mape"] == pytest.approx(1.0)


def test_a_large_front_is_thinned_evenly(space: Space, supernet: Supernet, timing, monkeypatch) -> None:
    monkeypatch.setattr(module, "EFFORT", Effort(networks=3))
    timing(1.0, 1.0)
    result = search(space, here())
    again = remeasure(result, space, {"local-cpu": here()}, supernet, ignore)
    assert [again.items[0], again.items[-1]] == [result.front[0], result.front[-1]]
    assert (again.summary()["networks"], again.summary()["of"]) == (3, len(result.front))
    assert len(again.by_network()) == 3


def test_a_front_of_large_networks_is_thinned_to_what_memory_holds(space, supernet, timing, monkeypatch) -> None:
    result = search(space, here())
    sizes = [item.size_bytes for item in result.front]
    monkeypatch.setattr(module, "_MOST_MODEL_BYTES", sum(sizes) // 2)
    timing(1.0, 1.0, 1.0, 1.0)
    items = remeasure(result, space, {"local-cpu": here()}, supernet, ignore).items
    assert 1 < len(items) < len(result.front)
    assert sum(item.size_bytes for item in items) <= sum(sizes) // 2
    monkeypatch.setattr(module, "_MOST_MODEL_BYTES", 0)
    assert len(remeasure(result, space, {"local-cpu": here()}, supernet, ignore).items) == 1


def test_progress_rises_over_all_measurements(space: Space, supernet: Supernet, timing) -> None:
    timing(1.0, 1.0)
    told: list[tuple[float, float]] = []
    result = search(space, here())
    remeasure(result, space, {"local-cpu": here()}, supernet, lambda *now: told.append(now))
    assert [fraction for fraction, _ in told] == [*[0.0] * len(result.front), 0.25, 0.75]
    assert [left for _, left in told][-2:] == [10.0 + module.EFFORT.budget_s, 10.0]


def test_progress_never_falls(space: Space, supernet: Supernet, monkeypatch) -> None:
    """The agent plans more rounds than it first told."""

    def time_models(models: Sequence[bytes], options: MeasureOptions, on_progress: Callable) -> list[float]:
        for done, total in ((4, 8), (5, 16), (16, 16)):
            on_progress(done, total, 1.0)
        return [1.0] * len(models)

    monkeypatch.setattr(module, "time_models", time_models)
    told: list[float] = []
    remeasure(search(space, here()), space, {"local-cpu": here()}, supernet, lambda share, _: told.append(share))
    assert told[-6:] == [0.25, 0.25, 0.5, 0.75, 0.75, 1.0]


def test_it_can_be_stopped_before_the_first_network(space: Space, supernet: Supernet, timing) -> None:
    watch = timing(1.0, 1.0)

    def stop(fraction: float, seconds_left: float) -> None:
        raise SearchCancelled

    with pytest.raises(SearchCancelled):
        remeasure(search(space, here()), space, {"local-cpu": here()}, supernet, stop)
    assert not watch.asked


@pytest.fixture
def again(space: Space, supernet: Supernet, timing, monkeypatch) -> tuple[SearchResult, Remeasurement]:
    """Three networks of a front timed again, a tenth slower."""
    monkeypatch.setattr(module, "EFFORT", Effort(networks=3))
    timing(1.1, 1.2)
    result = search(space, here(), board_table())
    return result, remeasure(result, space, {"local-cpu": here()}, supernet, ignore)


def files_of(result: SearchResult, space: Space, again: Remeasurement | None) -> dict[str, bytes]:
    tables = {table.device: table for table in (here(), board_table())}
    return result_files(result, Basis(space, tables, "sha"), Added(again))


def test_both_figures_stand_in_the_front_document(space: Space, again) -> None:
    result, measured = again
    front = json.loads(files_of(result, space, measured)["front.json"])
    timed = [item for item in front["items"] if "remeasured_ms" in item]
    assert len(timed) == 3 < len(front["items"])
    for item in timed:
        expected = item["latency_ms"]["local-cpu"]["expected"]
        assert item["remeasured_ms"]["local-cpu"] == pytest.approx(1.1 * expected)
        assert item["repeated_ms"]["local-cpu"] == pytest.approx(1.2 * expected)
        assert item["non_dominated_after_remeasure"] is (item["remeasured_rank"] == 1)
    assert front["remeasured"] == measured.summary()


def test_both_figures_stand_in_the_table(space: Space, again) -> None:
    result, measured = again
    lines = list(csv.DictReader(io.StringIO(files_of(result, space, measured)["front.csv"].decode())))
    assert len(lines) == len(result.front)
    for line in lines:
        timed = measured.by_network().get(line["architecture_id"])
        cells = [line[f"{name}:local-cpu"] for name in ("remeasured_ms", "repeated_ms")] + [line["remeasured_rank"]]
        if timed is None:
            assert cells == ["", "", ""]
        else:
            times = [timed[name]["local-cpu"] for name in ("remeasured_ms", "repeated_ms")]
            assert [float(cell) for cell in cells] == [*times, timed["remeasured_rank"]]
        assert len(line["genome"].split()) == len(space.n_choices)


def test_without_a_second_measurement_nothing_tells_of_one(space: Space, again) -> None:
    result, _ = again
    files = files_of(result, space, None)
    assert b"remeasured" not in files["front.json"] + files["front.csv"]


def test_ranks_are_those_of_the_measured_latencies(space: Space, supernet: Supernet, monkeypatch) -> None:
    """All networks take equally long: only the one with the lowest error stays."""
    monkeypatch.setattr(module, "time_models", lambda models, options, tell: [2.0] * len(models))
    result = search(space, here())
    again = remeasure(result, space, {"local-cpu": here()}, supernet, ignore)
    assert again.figures.ranks.tolist() == list(range(1, 1 + len(result.front)))
    assert again.summary()["still_non_dominated"] == pytest.approx(1 / len(result.front))
    assert np.argmin([item.error for item in again.items]) == 0
