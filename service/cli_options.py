"""What the commands of `lutnas` share: the data folder, settings, and errors that end with a message.

Used by `cli.py` and `cli_devices.py`. Heavy imports wait inside: `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import Console

    from service.settings import Settings

_BAD_START = 2
"""Exit code when a command cannot start; the message says what to do."""
INTERRUPTED = 130
"""What shells report for Ctrl+C."""

FOLDER = click.Path(path_type=Path, file_okay=False)
DATA_DIR_HELP = "Folder of the database, results and measured tables. [default: ~/.local/share/lutnas]"
data_dir_option = click.option("--data-dir", type=FOLDER, help=DATA_DIR_HELP)


def one_thread_for_linear_algebra() -> None:
    """The same input gives the same bits, and searches have the other cores. Counts only before numpy is loaded."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def settings_with(given: Mapping[str, object]) -> Settings:
    """Settings from the environment, those of `given` that are not None in front of them."""
    from service.settings import Settings

    return Settings.model_validate({**Settings().model_dump(), **{k: v for k, v in given.items() if v is not None}})


def lenient_console() -> Console:
    """Standard output, where a sign that its encoding lacks is a question mark and no error."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console()


@contextmanager
def clear_errors(beginning: str) -> Iterator[None]:
    """Errors that a user can mend end the program with their message, not with a traceback; so does Ctrl+C."""
    try:
        with _clear_faults(beginning):
            yield
    except KeyboardInterrupt:
        _end("Stopped.", INTERRUPTED)


@contextmanager
def _clear_faults(beginning: str) -> Iterator[None]:
    # Imported inside of what hears Ctrl+C: they take a while.
    from pydantic import ValidationError

    from latency_tables import LatencyTableError
    from search import SearchError
    from service.errors import StartError, StorageError

    try:
        yield
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        listed = "; ".join(
            f"LUTNAS_{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults
        )
        _end(f"{beginning} Settings are wrong: {listed}")
    except (StartError, StorageError, SearchError, LatencyTableError) as error:
        _end(f"{beginning} {error}")


def _end(message: str, code: int = _BAD_START) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(code)
