"""`lutnas spaces`: list the spaces, add a trained one, remove one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from service.cli_options import (
    clear_errors,
    data_dir_option,
    lenient_console,
    one_thread_for_linear_algebra,
    settings_with,
)

_PIPE_WIDTH = 200
"""Characters: the longest name is 64, the other columns take less than 100."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_dir_option
@click.pass_context
def spaces(context: click.Context, as_json: bool, data_dir: Path | None) -> None:
    """List the spaces that can be searched: the shipped ones and yours."""
    one_thread_for_linear_algebra()
    context.obj = data_dir
    if context.invoked_subcommand is None:
        with clear_errors("lutnas spaces failed."):
            _list(settings_with({"data_dir": data_dir}).spaces_dir, as_json=as_json)
    elif as_json:
        raise click.UsageError("--json is for the list.")


@spaces.command()
@click.argument("artefact", type=click.Path(path_type=Path))
@click.option("--space", help="Name or file of its space. [default: space.json in the folder]")
@click.option("--replace", is_flag=True, help="Replace another space of yours that has the same name.")
@data_dir_option
@click.pass_context
def add(context: click.Context, artefact: Path, space: str | None, replace: bool, data_dir: Path | None) -> None:
    """Check the folder that `lutnas train` wrote, and let the service search it. A running service picks it up."""
    with clear_errors("lutnas spaces add failed."):
        from service.spaces import add_space

        spaces_dir = settings_with({"data_dir": data_dir or context.obj}).spaces_dir
        added = add_space(artefact, space, spaces_dir, replace=replace)
        name = added.space.name
        if added.in_front_of_shipped:
            click.echo(f"{name} is a shipped space: this supernet now stands in front of the shipped one.")
        click.echo(f"{'Replaced' if added.replaced else 'Added'} {name} in {spaces_dir / name}.")
        click.echo(f"Next: lutnas measure --space {name}, then search it; a running service knows it already.")


@spaces.command()
@click.argument("name")
@data_dir_option
@click.pass_context
def remove(context: click.Context, name: str, data_dir: Path | None) -> None:
    """Remove one of your spaces with its supernet. Results of searches and latency tables stay."""
    with clear_errors("lutnas spaces remove failed."):
        from service.spaces import remove_space

        remove_space(name, settings_with({"data_dir": data_dir or context.obj}).spaces_dir)
        click.echo(f"Removed {name}.")


def _list(spaces_dir: Path, *, as_json: bool) -> None:
    from service.space_report import list_spaces, spaces_table

    found, damaged = list_spaces(spaces_dir)
    if as_json:
        content: dict[str, Any] = {"spaces": found, "damaged": damaged}
        click.echo(json.dumps(content, indent=1, allow_nan=False))
        return
    console = lenient_console()
    if not console.is_terminal:
        # What reads a pipe has no width: a line for each space, uncut.
        console.width = max(console.width, _PIPE_WIDTH)
    console.print(spaces_table(found))
    for name, reason in damaged.items():
        console.print(f"Not usable: {name}: {reason}", soft_wrap=True, highlight=False, markup=False)
