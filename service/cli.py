"""The command line, `lutnas`. Heavy imports wait inside the commands: `--help` answers at once."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.settings import Settings

_BAD_START = 2
"""Exit code when a command cannot start; the message says what to do."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lutnas")
def main() -> None:
    """Find small, fast networks for a given device."""


_data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, results and measured tables. [default: ~/.local/share/lutnas]",
)


def _a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """NaN passes click's range, because it is neither below nor above it."""
    if math.isnan(value):
        raise click.BadParameter("must be a number.", context, option)
    return value


_budget_option = click.option(
    "--budget",
    type=click.FloatRange(1, 3600),
    default=75.0,
    show_default=True,
    callback=_a_number,
    help="Seconds of timing.",
)


@main.command()
@click.option("--host", help="Address to listen on, loopback only. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 takes a free one. [default: 8000]")
@_data_dir_option
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run the service until Ctrl+C. Environment variables LUTNAS_* set the same and more; options win."""
    _one_thread_for_linear_algebra()
    import logging

    from service.server import serve as run_server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with _clear_errors("lutnas cannot start."):
        run_server(_settings({"host": host, "port": port, "data_dir": data_dir}), click.echo)


@main.command()
@click.option("--space", default="fbnet-cifar10", show_default=True, help="Search space whose operators are timed.")
@click.option("--device", help="Name for this machine, or for the one of --result. [default: local-cpu]")
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="Threads of onnxruntime.")
@_budget_option
@click.option(
    "--result",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What agent.py wrote on another device: made into a table instead of measuring this machine.",
)
@_data_dir_option
def measure(
    space: str, device: str | None, threads: int, budget: float, result: Path | None, data_dir: Path | None
) -> None:
    """Measure this machine's latency table for a space; a running service picks it up."""
    if result is not None and device is None:
        raise click.UsageError("--result is of another device: name it with --device.")
    _one_thread_for_linear_algebra()
    from rich.console import Console

    from latency_tables import MeasureOptions
    from service.import_measurement import import_measurement
    from service.measure import LOCAL_DEVICE, measure_device

    console = Console()
    with _clear_errors("lutnas measure failed."):
        tables_dir = _settings({"data_dir": data_dir}).tables_dir
        if result is not None:
            path = import_measurement(space, str(device), result, tables_dir, console)
        else:
            options = MeasureOptions(threads=threads, budget_s=budget)
            path = measure_device(space, device or LOCAL_DEVICE, options, tables_dir, console)
        console.print(f"Written: {path}", soft_wrap=True, highlight=False)


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("lutnas-demo"),
    show_default=True,
    help="Folder for results.",
)
@_budget_option
@click.option(
    "--all-models", is_flag=True, help="Download every network of the fronts (hundreds, some GB), not twelve."
)
def demo(out: Path, budget: float, all_models: bool) -> None:
    """Measure this CPU, search networks for it and for a Raspberry Pi 4, and check three of them here."""
    _one_thread_for_linear_algebra()
    from rich.console import Console

    from service.demo import run_demo

    with _clear_errors("lutnas demo failed."):
        run_demo(out, budget_s=budget, all_models=all_models, console=Console())


def _one_thread_for_linear_algebra() -> None:
    """The same input gives the same bits, and searches have the other cores. Counts only before numpy is loaded."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _settings(given: Mapping[str, object]) -> Settings:
    from service.settings import Settings

    return Settings.model_validate({**Settings().model_dump(), **{k: v for k, v in given.items() if v is not None}})


@contextmanager
def _clear_errors(beginning: str) -> Iterator[None]:
    """Errors that a user can mend end the program with their message, not with a traceback."""
    from pydantic import ValidationError

    from latency_tables import LatencyTableError
    from search import SearchError
    from service.errors import StartError

    try:
        yield
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        listed = "; ".join(f"LUTNAS_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in faults)
        _end(f"{beginning} Settings are wrong: {listed}")
    except (StartError, SearchError, LatencyTableError) as error:
        _end(f"{beginning} {error}")
    except KeyboardInterrupt:
        _end("Stopped.")


def _end(message: str) -> None:
    click.echo(message, err=True)
    raise SystemExit(_BAD_START)


if __name__ == "__main__":
    main()
