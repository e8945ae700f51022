"""What `lutnas spaces` prints: every space with its supernet, and why one cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Column, Table

import search
from search import (
    ChainSpace,
    SearchError,
    SupernetArtefact,
    count_architectures,
    known_spaces,
    load_space,
    read_artefact,
)
from service.device_report import harmless
from service.space_folder import locked, read_space_folder, space_folders

_COLUMNS = ("from", "networks", "input", "classes", "supernet", "evaluated", "best top-1")
_SHIPPED = Path(search.__file__).parent / "pretrained"


def list_spaces(spaces_dir: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Every usable space as JSON values, sorted by name, and why others are not usable."""
    rows, damaged = {}, {}
    for name in known_spaces():
        space = load_space(name)
        shipped = _SHIPPED / name
        rows[name] = _row(space, "shipped", read_artefact(shipped, space) if shipped.is_dir() else None)
    with locked(spaces_dir):
        for name in space_folders(spaces_dir):
            try:
                rows[name] = _row(*_in_front(spaces_dir / name))
            except SearchError as error:
                damaged[name] = harmless(str(error))
    return [rows[name] for name in sorted(rows)], damaged


def _in_front(folder: Path) -> tuple[ChainSpace, str, SupernetArtefact]:
    space, artefact = read_space_folder(folder)
    return space, "yours", artefact


def _row(space: ChainSpace, source: str, artefact: SupernetArtefact | None) -> dict[str, Any]:
    best = None if artefact is None else round(1.0 - float(artefact.evaluations.error.min()), 4)
    return {
        "name": space.name,
        "source": source,
        "architectures": count_architectures(space),
        "input_shape": list(space.input_shape),
        "classes": space.classes,
        "supernet_sha256": None if artefact is None else artefact.sha256,
        "evaluated_networks": 0 if artefact is None else len(artefact.evaluations.error),
        "best_validation_top1": best,
        "description": harmless(space.description),
    }


def spaces_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The list for people; nothing is cut, a narrow terminal folds."""
    table = Table(Column("space", no_wrap=True), *(Column(name, overflow="fold") for name in _COLUMNS), box=SIMPLE)
    for row in rows:
        top1 = row["best_validation_top1"]
        table.add_row(
            row["name"],
            row["source"],
            f"{row['architectures']:.3g}",
            "x".join(map(str, row["input_shape"])),
            str(row["classes"]),
            (row["supernet_sha256"] or "none")[:8],
            str(row["evaluated_networks"]),
            "" if top1 is None else f"{top1:.1%}",
        )
    return table
