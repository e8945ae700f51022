"""Pictures of latency tables: they exist, repeat, and survive strange tables."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from latency_tables import Honesty, LatencyTable, OperatorKey
from service.device_picture import table_png
from tests.service_world import board_table


def checked(
    predicted: tuple[float, ...], measured: tuple[float, ...], table: LatencyTable | None = None
) -> LatencyTable:
    figures = (0.05, 0.5, 0.75, None, None, 0.04, 1.0, None)
    return replace(table or board_table(), honesty=Honesty(len(predicted), *figures, predicted, measured))


def with_source(table: LatencyTable, changes: dict[str, Any]) -> LatencyTable:
    return replace(table, provenance=replace(table.provenance, **changes))


def drawn(table: LatencyTable) -> np.ndarray:
    return imread(io.BytesIO(table_png(table)), format="png")


def test_a_picture_is_wide_light_and_not_empty() -> None:
    image = drawn(checked((1.0, 2.1, 2.9), (1.0, 2.0, 3.0)))
    height, width, _ = image.shape
    assert width >= 1000
    assert height >= 800
    assert (image[0, 0, :3] == 1).all()
    assert 0.005 < (image[:, :, :3] < 0.9).any(axis=2).mean() < 0.5


def test_equal_tables_give_equal_pictures() -> None:
    table = checked((1.0, 2.1), (1.0, 2.0))
    assert table_png(table) == table_png(table)


def test_a_table_that_was_not_checked_has_fewer_panels() -> None:
    assert drawn(board_table()).shape[0] < drawn(checked((1.0,), (1.0,))).shape[0]


@pytest.mark.parametrize(
    "table",
    [
        checked((1.0,), (1.0,)),
        checked((1.0, 1.0), (1.0, 1.0)),
        checked((0.0, 0.0), (0.0, 0.0)),
        checked((500.0, 1.0), (1.0, 500.0)),
        checked((600_000.0, 1e-9), (1e-9, 600_000.0)),
        replace(checked((1.0, 2.0), (1.1, 2.0)), uncertainty=None),
        replace(board_table(), space="a-space-of-another-version"),
        replace(board_table(), operator_ms=dict.fromkeys(board_table().operator_ms, 0.0)),
        replace(board_table(), operator_ms={OperatorKey("other", (1, 1, 1), (2, 1, 1)): 3.0}),
        replace(board_table(), operator_ms=dict.fromkeys(board_table().operator_ms, 600000.0)),
        with_source(board_table(), {"emulated": True}),
        with_source(board_table(), {"processor": "$x^$ $", "runtime": "a\\b_{ $"}),
        with_source(board_table(), {"processor": "処理 \N{ROCKET} \x07" + "x" * 3900}),
    ],
)
def test_strange_tables_are_drawn(table: LatencyTable) -> None:
    assert drawn(table).shape[1] >= 1000
