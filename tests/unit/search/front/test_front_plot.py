"""The picture of a front."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from search import Cloud, front_png
from search.front import plot

COLUMNS = ("error", "latency_ms:board", "latency_ms:phone")


def cloud(n: int = 300, columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((n, columns)) + 0.5, rng.random(n) < 0.8


def size_of(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


def colours_of(picture: bytes) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return set(map(tuple, pixels.reshape(-1, 3).tolist()))


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_there_is_one_panel_per_column_besides_the_error(panels: int) -> None:
    columns = ("error", *(f"latency_ms:device-{number}" for number in range(panels)))
    width, height = size_of(front_png([Cloud(columns, *cloud(columns=panels + 1))]))
    assert (width, height) == (840 * panels, 660)


def test_the_front_is_drawn_in_its_colour() -> None:
    assert (0x00, 0x72, 0xB2) in colours_of(front_png([Cloud(COLUMNS, *cloud())]))


def test_equal_searches_give_equal_files() -> None:
    assert front_png([Cloud(COLUMNS, *cloud())], title="one") == front_png([Cloud(COLUMNS, *cloud())], title="one")


def test_one_candidate_is_enough() -> None:
    assert size_of(front_png([Cloud(("error", "macs"), np.array([[0.1, 5e6]]), np.array([True]))])) == (840, 660)


def test_candidates_beyond_a_limit_do_not_move_the_window() -> None:
    values, _ = cloud()
    far = np.vstack([values, [[1e12, 1e12, 1e12]]])
    x, y = far[:-1, 1], far[:-1, 1]
    assert plot._window(x, y)[1] < 10
    assert size_of(front_png([Cloud(COLUMNS, far, np.arange(301) < 300)]))


@pytest.mark.parametrize(
    ("front", "seen", "window"),
    [
        ([1.0, 3.0], [1.0, 3.5, 100.0], (0.88, 4.12)),
        ([1.0, 3.0], [1.0, 3.0], (0.92, 3.08)),
        ([2.0], [2.0], (1.92, 2.08)),
        ([0.0], [0.0], (-1.0, 1.0)),
    ],
)
def test_the_window_shows_the_front_and_some_of_the_cloud(front: list, seen: list, window: tuple) -> None:
    assert plot._window(np.array(front), np.array(seen)) == pytest.approx(window)


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("error", "expected error (1 - top-1 accuracy)"),
        ("latency_ms:pixel-3", "latency on pixel-3 (ms)"),
        ("latency_ms:worst", "latency in the worst case (ms)"),
        ("latency_share:worst", "latency as a share of its limit in the worst case"),
        ("size_bytes", "size (bytes)"),
        ("params", "parameters"),
    ],
)
def test_axes_name_their_unit(column: str, label: str) -> None:
    assert plot._label(column) == label


@pytest.mark.parametrize(
    ("columns", "values", "feasible", "words"),
    [
        (("error",), [[0.1]], [True], "do not fit"),
        (("error", "macs"), [[0.1, 2.0, 3.0]], [True], "do not fit"),
        (("error", "macs"), [[0.1, 2.0]], [True, True], "do not fit"),
        (("error", "macs"), [[0.1, 2.0]], [False], "no feasible candidate"),
    ],
)
def test_what_cannot_be_drawn_is_refused(columns: tuple, values: list, feasible: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cloud(columns, np.array(values), np.array(feasible))


def test_no_search_is_refused() -> None:
    with pytest.raises(ValueError, match="no search"):
        front_png([])


def test_several_searches_stand_side_by_side() -> None:
    assert size_of(front_png([Cloud(COLUMNS[:2], *cloud(columns=2)), Cloud(COLUMNS, *cloud())])) == (840 * 3, 660)


def test_a_search_does_not_import_matplotlib() -> None:
    program = "import sys, search; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
