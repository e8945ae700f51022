"""The command line, `lutnas`. Heavy imports wait inside the commands: `--help` answers at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import click

from service.cli_devices import devices
from service.cli_options import (
    clear_errors,
    data_dir_option,
    lenient_console,
    one_thread_for_linear_algebra,
    settings_with,
)
from service.cli_spaces import spaces
from service.cli_train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lutnas")
def main() -> None:
    """Find small, fast networks for a given device."""


_Command = Callable[..., None]

main.add_command(devices)
main.add_command(spaces)
main.add_command(train)


def _a_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """NaN passes click's range, because it is neither below nor above it."""
    if math.isnan(value):
        raise click.BadParameter("must be a number.", context, option)
    return value


def _budget_option(default_s: float) -> Callable[[_Command], _Command]:
    return click.option(
        "--budget",
        type=click.FloatRange(1, 3600),
        default=default_s,
        show_default=True,
        callback=_a_number,
        help="Seconds of timing.",
    )


@main.command()
@click.option("--host", help="Address to listen on, loopback only. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 takes a free one. [default: 8000]")
@data_dir_option
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run the service until Ctrl+C. Environment variables LUTNAS_* set the same and more; options win."""
    one_thread_for_linear_algebra()
    import logging

    from service.server import serve as run_server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with clear_errors("lutnas cannot start."):
        run_server(settings_with({"host": host, "port": port, "data_dir": data_dir}), click.echo)


@main.command()
@click.option("--space", default="fbnet-cifar10", show_default=True, help="Search space whose operators are timed.")
@click.option("--device", help="Name for this machine, or for the one of --result. [default: local-cpu]")
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="Threads of onnxruntime.")
@_budget_option(120.0)
@click.option(
    "--result",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What agent.py wrote on another device: made into a table instead of measuring this machine.",
)
@data_dir_option
def measure(
    space: str, device: str | None, threads: int, budget: float, result: Path | None, data_dir: Path | None
) -> None:
    """Measure this machine's latency table for a space; a running service picks it up."""
    if result is not None and device is None:
        raise click.UsageError("--result is of another device: name it with --device.")
    one_thread_for_linear_algebra()
    from latency_tables import MeasureOptions
    from service.import_measurement import import_measurement
    from service.measure import LOCAL_DEVICE, measure_device

    console = lenient_console()
    with clear_errors("lutnas measure failed."):
        tables_dir = settings_with({"data_dir": data_dir}).tables_dir
        if result is not None:
            path = import_measurement(space, str(device), result, tables_dir, console)
        else:
            options = MeasureOptions(threads=threads, budget_s=budget)
            path = measure_device(space, device or LOCAL_DEVICE, options, tables_dir, console)
        console.print(f"Written: {path}", soft_wrap=True, highlight=False, markup=False)


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("lutnas-demo"),
    show_default=True,
    help="Folder for results.",
)
@_budget_option(75.0)
@click.option(
    "--all-models", is_flag=True, help="Download every network of the fronts (hundreds, some GB), not twelve."
)
def demo(out: Path, budget: float, all_models: bool) -> None:
    """Measure this CPU, search networks for it and for a Raspberry Pi 4, and check three of them here."""
    one_thread_for_linear_algebra()
    from rich.console import Console

    from service.demo import run_demo

    with clear_errors("lutnas demo failed."):
        run_demo(out, budget_s=budget, all_models=all_models, console=Console())


if __name__ == "__main__":
    main()
