"""Settings of the service, from `LUTNAS_*` environment variables; the command line overrides them (`cli.py`)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DATASET_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
"""What `Settings.datasets` takes for a name."""


def default_data_dir() -> Path:
    """Where searches, tables and the database live: the user's data folder, the same from every working directory."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "lutnas"


def default_max_running() -> int:
    """Searches at once: one per core, at most 2."""
    return max(1, min(2, os.cpu_count() or 1))


class Settings(BaseSettings):
    """How one server runs. Every field can be set by the environment variable `LUTNAS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="LUTNAS_", extra="ignore", frozen=True)

    data_dir: Path = Field(default_factory=default_data_dir)
    """Holds `lutnas.sqlite3`, `searches/<id>/` and `tables/<device>/`."""
    database_url: str | None = None
    """An SQLAlchemy URL; left out: SQLite in `data_dir`."""
    pretrained_dir: Path | None = None
    """Folder of trained supernets, `<space>/`; left out: the shipped ones."""
    datasets: Annotated[dict[str, Path], NoDecode] = Field(default_factory=dict)
    """Datasets that searches may verify on, `NAME=PATH,NAME=PATH` or a JSON object; a name is a space's, or the name of
    the dataset that its supernet was trained on without its ending (`cifar10=/data/cifar10.tar.xz`)."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    allow_remote: bool = False
    """Listen beyond loopback without access control: for a container whose port is published on loopback."""
    max_running: Annotated[int, Field(ge=1, le=64)] = Field(default_factory=default_max_running)
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Starts of one search, when servers die under it, before it is given up."""
    cancel_grace_s: Annotated[float, Field(ge=0, le=600)] = 3.0
    """Time for a cancelled search to stop by itself before its process is killed."""
    child_nice: Annotated[int, Field(ge=0, le=19)] = 10
    """Niceness of search processes, so that the API stays responsive."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    busy_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long a statement waits for SQLite's lock."""

    @field_validator("datasets", mode="before")
    @classmethod
    def _read_datasets(cls, value: object) -> object:
        return _named_paths(value) if isinstance(value, str) else value

    @property
    def url(self) -> str:
        """The database's URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'lutnas.sqlite3'}"

    @property
    def tables_dir(self) -> Path:
        """The user's latency tables, `<device>/<space>.json`, with `<device>/versions/<space>/<sha256>.json`."""
        return self.data_dir / "tables"

    @property
    def claims_file(self) -> Path:
        """What the search processes of this server lock while they evaluate a network; always empty."""
        return self.data_dir / "evaluating.lock"

    @property
    def spaces_dir(self) -> Path:
        """The user's spaces with their supernets, `<space>/` (`service/space_shelf.py`)."""
        return self.data_dir / "spaces"

    @property
    def images_dir(self) -> Path:
        """Validation images of `datasets`, decoded once (`service/datasets.py`)."""
        return self.data_dir / "images"

    @property
    def searches_dir(self) -> Path:
        """Result files, one folder per search."""
        return self.data_dir / "searches"


def _named_paths(text: str) -> dict[str, str]:
    """Names and paths of `NAME=PATH,NAME=PATH`, or of a JSON object for paths with a comma.

    Raises:
        ValueError: it is neither, or a name comes twice.
    """
    if text.lstrip().startswith("{"):
        pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
    else:
        pairs = [(name.strip(), path.strip()) for name, _, path in (p.partition("=") for p in text.split(",") if p)]
    if not all(isinstance(path, str) and path for _, path in pairs):
        raise ValueError("write NAME=PATH, several with commas between, or a JSON object of names and paths")
    wrong = [name for name, _ in pairs if not DATASET_NAME.match(name)]
    if wrong:
        raise ValueError(f"{wrong[0][:64]!r} is no name: letters, digits, '.', '_' and '-'")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)
