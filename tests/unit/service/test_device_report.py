"""Texts and figures about latency tables."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from latency_tables import Honesty, Uncertainty
from service.device_report import (
    as_json,
    error_bins,
    full_report,
    histogram_lines,
    overview,
    percent,
    relative_errors,
    runtime_words,
    typical_interval,
)
from tests.service_world import board_table


def honesty_of(predicted: tuple[float, ...], measured: tuple[float, ...]) -> Honesty:
    return Honesty(len(predicted), 0.05, 0.5, 0.75, None, None, 0.0, 1.0, None, predicted, measured)


def text_of(renderable: object, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def test_errors_are_relative_to_the_measurement() -> None:
    errors = relative_errors(honesty_of((1.1, 1.8, 1.0), (1.0, 2.0, 0.0)))
    np.testing.assert_allclose(errors, [0.1, -0.1])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1, 50), max_size=30))
def test_bins_hold_every_error_and_one_is_centred(errors: list[float]) -> None:
    edges, counts = error_bins(np.array(errors))
    assert counts.sum() == len(errors)
    assert len(edges) == len(counts) + 1
    assert len(counts) % 2 == 1
    assert 5 <= len(counts) <= 13
    np.testing.assert_allclose(edges, -edges[::-1], atol=1e-9)


def test_small_errors_have_narrow_bins() -> None:
    edges, _ = error_bins(np.array([0.012, -0.02]))
    assert edges[1] - edges[0] == pytest.approx(0.005)


def test_a_histogram_has_a_bar_for_every_bin() -> None:
    lines = histogram_lines(honesty_of((1.0, 1.0, 1.03), (1.0, 1.0, 1.0)))
    assert sum(int(line.split()[-1]) for line in lines) == 3
    longest = max(lines, key=len)
    assert longest.endswith("\N{FULL BLOCK}" * 40 + " 2")
    assert all(line.isascii() for line in histogram_lines(honesty_of((1.0,), (1.0,)), ascii_only=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runtime": "ncnn", "runtime_version": "1", "threads": 1}, "ncnn 1, 1 thread"),
        ({"runtime": "ncnn", "runtime_version": "unknown", "threads": 4}, "ncnn, 4 threads"),
        ({"runtime": "unknown", "runtime_version": "unknown", "threads": None}, "unknown runtime, unknown threads"),
    ],
)
def test_unknown_parts_of_the_runtime_are_not_made_up(changes: dict, words: str) -> None:
    table = board_table()
    assert runtime_words(replace(table, provenance=replace(table.provenance, **changes))) == words


def test_the_typical_interval_is_that_of_the_table() -> None:
    table = board_table()
    rows = len(table.operator_ms)
    exact = replace(table, uncertainty=Uncertainty(((0.0,),) * (1 + rows), 0.05, 2.0))
    assert typical_interval(exact) == pytest.approx(0.1)
    assert typical_interval(replace(table, uncertainty=None)) is None
    assert typical_interval(replace(exact, space="no-such-space")) is None
    nothing = replace(exact, fixed_ms=0.0, operator_ms=dict.fromkeys(exact.operator_ms, 0.0))
    assert typical_interval(nothing) is None


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_report_has_the_words_at_any_width(width: int) -> None:
    table = replace(board_table(), honesty=honesty_of((1.0, 1.02), (1.0, 1.0)))
    text = " ".join(text_of(full_report(table, (), 3, ascii_only=True), width).split())
    for words in ("Every network pays 0.5000 ms once.", "Kendall tau", "undefined", "no interval"):
        assert words in text


def test_a_floor_of_nothing_is_not_divided_by() -> None:
    table = replace(board_table(), honesty=honesty_of((1.0, 1.02), (1.0, 1.0)))
    assert "times that of measuring twice" not in text_of(full_report(table, (), 3, ascii_only=True))


def test_json_and_report_agree_on_the_slowest_operator() -> None:
    table = board_table()
    slowest = max(table.operator_ms.values())
    assert as_json(table, (), 1)["costliest"][0]["latency_ms"] == slowest
    assert f"{slowest:.4f}" in text_of(full_report(table, (), 1, ascii_only=True))


def test_no_table_at_all_tells_what_to_do() -> None:
    assert "lutnas measure" in text_of(overview([]))


@pytest.mark.parametrize(
    ("fraction", "words"), [(0.0, "0.0 %"), (0.1234, "12.3 %"), (1.0, "100.0 %"), (25.0, "25 times")]
)
def test_percent(fraction: float, words: str) -> None:
    assert percent(fraction) == words
