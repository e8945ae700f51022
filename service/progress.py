"""Progress of something that takes a while: a bar on a terminal, a line now and then elsewhere (`measure`, `demo`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

_LINE_EVERY_S = 10.0


class Bars:
    """Named fractions of work with the seconds left. Use it inside `showing`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}"),
        )
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, float] = {}

    def show(self, name: str, fraction: float, note: str) -> None:
        """Set one bar; `note` is shown behind it, the time left for example."""
        if self._console.is_terminal:
            if name not in self._tasks:
                self._tasks[name] = self.progress.add_task(name, total=1.0, note="")
            self.progress.update(self._tasks[name], completed=fraction, note=note)
        elif fraction >= 1.0 or time.monotonic() - self._said.get(name, -_LINE_EVERY_S) >= _LINE_EVERY_S:
            self._said[name] = time.monotonic() if fraction < 1.0 else float("inf")
            self._console.print(f"{name}: {fraction:.0%}  {note}", soft_wrap=True)


@contextmanager
def showing(console: Console) -> Iterator[Bars]:
    """Bars that stand on the terminal until the block ends."""
    bars = Bars(console)
    with bars.progress:
        yield bars


def seconds_left(seconds: float | None) -> str:
    """Time left in words."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"
