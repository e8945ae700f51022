"""The command line, `lutnas`. Heavy imports wait inside the commands: `--help` answers at once."""

from __future__ import annotations

from pathlib import Path

import click

_BAD_START = 2
"""Exit code when a command cannot start; the message says what to do."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lutnas")
def main() -> None:
    """Find small, fast networks for a given device."""


@main.command()
@click.option("--host", help="Address to listen on, loopback only. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 takes a free one. [default: 8000]")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, results and measured tables. [default: ~/.local/share/lutnas]",
)
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run the service until Ctrl+C. Environment variables LUTNAS_* set the same and more; options win."""
    import logging
    import os

    # Counts only before numpy is loaded. One thread for linear algebra: the same input gives the same bits, and searches
    # have the other cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from pydantic import ValidationError

    from latency_tables import LatencyTableError
    from search import SearchError
    from service.errors import StartError
    from service.server import serve as run_server
    from service.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    given = {"host": host, "port": port, "data_dir": data_dir}
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        run_server(settings, click.echo)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        listed = "; ".join(f"LUTNAS_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in faults)
        _end(f"Settings are wrong: {listed}")
    except (StartError, SearchError, LatencyTableError) as error:
        _end(str(error))


def _end(message: str) -> None:
    click.echo(f"lutnas cannot start. {message}", err=True)
    raise SystemExit(_BAD_START)


if __name__ == "__main__":
    main()
