"""Progress on terminals and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from service import progress
from service.progress import seconds_left, showing


def test_lines_elsewhere_than_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.0, 3.0, 11.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    written = io.StringIO()
    with showing(Console(file=written, width=80)) as bars:
        bars.show("Measuring", 0.1, "9 s left")
        bars.show("Measuring", 0.2, "8 s left")
        bars.show("Measuring", 0.3, "7 s left")
        bars.show("Measuring", 1.0, "0 s left")
        bars.show("Measuring", 1.0, "0 s left")
    assert written.getvalue().splitlines() == [
        "Measuring: 10%  9 s left",
        "Measuring: 30%  7 s left",
        "Measuring: 100%  0 s left",
        "Measuring: 100%  0 s left",
    ]


def test_a_bar_on_a_terminal() -> None:
    written = io.StringIO()
    with showing(Console(file=written, width=100, force_terminal=True)) as bars:
        bars.show("Measuring", 0.5, "9 s left")
    assert "Measuring" in written.getvalue()
    assert "50 %" in written.getvalue()
    assert "9 s left" in written.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (-3.0, "0 s left"), (59.4, "59 s left"), (61.0, "1 min 1 s left")]
)
def test_time_left_in_words(seconds: float | None, words: str) -> None:
    assert seconds_left(seconds) == words
