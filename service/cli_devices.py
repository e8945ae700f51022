"""`lutnas devices`: list the devices, show one with a picture, import a table of another layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli_options import (
    DATA_DIR_HELP,
    FOLDER,
    clear_errors,
    lenient_console,
    one_thread_for_linear_algebra,
    settings_with,
)

if TYPE_CHECKING:
    from latency_tables import LatencyTable, Provenance
    from service.import_table import Import
    from service.table_shelf import TableShelf

_KEPT = "service.cli_devices"
"""Where values are that every subcommand may need, in front of it or behind it."""
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    kept = context.meta.setdefault(_KEPT, {})
    if value is not None:
        kept[option.name] = value


def _kept_option(name: str, type_: Any = None, *, words: str) -> _Decorator:
    return click.option(name, type=type_, expose_value=False, callback=_keep, help=words)


_data_dir_option = _kept_option("--data-dir", FOLDER, words=DATA_DIR_HELP)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _tables_dir(context: click.Context) -> Path:
    return settings_with({"data_dir": context.meta[_KEPT].get("data_dir")}).tables_dir


def _shelf(context: click.Context) -> TableShelf:
    from service.resources import load_shelf

    return load_shelf(_tables_dir(context))


@click.group(invoke_without_command=True)
@_json_option
@_data_dir_option
@click.pass_context
def devices(context: click.Context, as_json: bool) -> None:
    """List the devices: where each latency table comes from, and how well it holds."""
    one_thread_for_linear_algebra()
    if context.invoked_subcommand is None:
        with clear_errors("lutnas devices failed."):
            _list(_shelf(context), as_json=as_json)
    elif as_json:
        raise click.UsageError(f"Put --json behind '{context.invoked_subcommand}'.")


def _list(shelf: TableShelf, *, as_json: bool) -> None:
    from service.device_report import damaged_words, overview, short_json

    tables = [table for _, table in sorted(shelf.tables().items())]
    if as_json:
        names = sorted({table.device for table in tables})
        listed = [{"name": name, "tables": [short_json(t) for t in tables if t.device == name]} for name in names]
        damaged = [{"file": fault.path, "reason": fault.reason} for fault in shelf.damaged()]
        _print_json({"devices": listed, "damaged_tables": damaged})
        return
    console = lenient_console()
    console.print(overview(tables))
    for line in damaged_words(shelf.damaged()):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


@devices.command()
@click.argument("name")
@click.option("--space", help="Only the table for this search space.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the picture, or its name, which ends with .png. [default: this folder; none with --json]",
)
@click.option("--rows", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Operators to show.")
@_json_option
@_data_dir_option
@click.pass_context
def show(context: click.Context, name: str, space: str | None, out: Path | None, rows: int, as_json: bool) -> None:
    """Describe one device: provenance, honesty figures, the slowest operators, and a picture of its table."""
    with clear_errors("lutnas devices show failed."):
        shelf = _shelf(context)
        tables = _tables_of(shelf, name, space)
        pictures = {} if as_json and out is None else _pictures(tables, out or Path())
        if as_json:
            from service.device_report import as_json as table_json

            listed = [table_json(table, shelf.versions(name, table.space), rows) for table in tables]
            _print_json({"name": name, "tables": listed, "pictures": [str(path) for path in pictures.values()]})
            return
        _describe(shelf, tables, rows, pictures)


def _tables_of(shelf: TableShelf, name: str, space: str | None) -> list[LatencyTable]:
    from service.errors import UnknownDeviceError

    offered = shelf.tables()
    found = [table for key, table in sorted(offered.items()) if key[0] == name and space in (None, key[1])]
    if not found:
        known = [f"{device} for {of_space}" for device, of_space in sorted(offered)]
        faults = [f"{fault.path} is damaged" for fault in shelf.damaged() if Path(fault.path).parent.name == name]
        wanted = repr(name) if space is None else f"{name!r} for space {space!r}"
        raise UnknownDeviceError(wanted, [*known, *faults])
    return found


def _pictures(tables: list[LatencyTable], out: Path) -> dict[str, Path]:
    """Draw each table's picture; their paths by space."""
    from latency_tables import replace_file
    from service.device_picture import table_png
    from service.errors import OutputError

    one_file = out.suffix.lower() == ".png"
    if one_file and len(tables) > 1:
        spaces = ", ".join(table.space for table in tables)
        raise click.UsageError(f"One file cannot hold {len(tables)} pictures: choose one with --space ({spaces}).")
    paths = {}
    for table in tables:
        path = out if one_file else out / f"{table.device}-{table.space}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, table_png(table), mode=0o644)
        except OSError as error:
            raise OutputError(str(path), error.strerror or str(error)) from error
        paths[table.space] = path
    return paths


def _describe(shelf: TableShelf, tables: list[LatencyTable], rows: int, pictures: dict[str, Path]) -> None:
    from service.device_report import full_report

    console = lenient_console()
    for table in tables:
        versions = shelf.versions(table.device, table.space)
        console.print(full_report(table, versions, rows, ascii_only=console.options.ascii_only))
        console.print(f"Picture: {pictures[table.space]}\n", soft_wrap=True, highlight=False, markup=False)


_ORIGIN = {
    "processor": "What the times were measured on.",
    "runtime": "What ran the operators, for example TensorFlow Lite.",
    "runtime_version": "Its version.",
    "precision": "For example float32 or int8.",
    "statistic": "What was made of the runs, for example mean.",
    "date": "When it was measured, for example 2026-11-22.",
    "source": "Who measured, and where it is published.",
    "notes": "What a reader must know before trusting the numbers.",
}
_COUNTS = {"threads": "Threads of the runtime.", "runs": "Timed runs behind one number."}


def _origin_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each part of the provenance that is not in the files."""
    for name, words in reversed(_ORIGIN.items()):
        function = _kept_option(f"--{name.replace('_', '-')}", words=words)(function)
    for name, words in _COUNTS.items():
        function = _kept_option(f"--{name}", click.IntRange(1, 1_000_000), words=words)(function)
    return function


@devices.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--device", required=True, help="Name for the device: lower-case letters, digits, '.', '_' and '-'.")
@click.option("--space", default="fbnet-cifar10", show_default=True, help="Search space that the table must serve.")
@click.option(
    "--layout",
    type=click.Choice(["ofa", "csv"]),
    help="Of all files: once-for-all's YAML, or CSV with operator,latency_ms. [default: by each file's name]",
)
@click.option("--partial", is_flag=True, help="Only tell what the files hold and what is missing; write nothing.")
@_origin_options
@_data_dir_option
@click.pass_context
def import_files(
    context: click.Context, files: tuple[Path, ...], device: str, space: str, layout: str | None, partial: bool
) -> None:
    """Make tables of other layouts this device's table; several files are joined, and nothing may be missing."""
    from service.import_table import publish, read_tables

    with clear_errors("lutnas devices import failed."):
        found = read_tables(files, layout, space, _provenance(context, device))
        _tell(found, partial=partial)
        if partial:
            return
        from service.resources import load_shelf

        tables_dir = _tables_dir(context)
        changed = publish(found, load_shelf(tables_dir), tables_dir)
        path = tables_dir / device / f"{space}.json"
        click.echo(f"Written: {path}" if changed else f"{path} holds this table already.")


def _provenance(context: click.Context, device: str) -> Provenance:
    from latency_tables import Provenance

    given = context.meta[_KEPT]
    text = {name: given.get(name) or "unknown" for name in _ORIGIN}
    return Provenance(
        device=device,
        processor=text["processor"],
        runtime=text["runtime"],
        runtime_version=text["runtime_version"],
        threads=given.get("threads"),
        batch=1,
        precision=text["precision"],
        runs=given.get("runs"),
        statistic=text["statistic"],
        date=text["date"],
        source=text["source"],
        kind="published",
        notes=given.get("notes") or "",
    )


def _tell(found: Import, *, partial: bool) -> None:
    """What the files hold: operators, and every row that was left out."""
    have = found.needed - len(found.missing)
    click.echo(f"{len(found.table.operator_ms)} operators; {have} of the {found.needed} of {found.table.space}.")
    for path, faults in found.left_out.items():
        click.echo(f"{path}: left out, since lutnas has no such operator ({len(faults)}):")
        for fault in faults[:20]:
            click.echo(f"  {fault}")
        if len(faults) > 20:
            click.echo(f"  and {len(faults) - 20} more")
    for warning in found.warnings:
        click.echo(f"Note: {warning}")
    if partial and found.missing:
        click.echo("Missing:")
        for key in found.missing:
            click.echo(f"  {key}")


def _print_json(content: dict[str, Any]) -> None:
    click.echo(json.dumps(content, indent=1, allow_nan=False))
