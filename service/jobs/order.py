"""SearchOrder: what the worker hands to the child process of one search, as JSON text (no objects cross the border)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SearchOrder:
    """One search to run.

    Attributes:
        request: the effective request, every default filled in.
        tables_dir: folder of the user's latency tables.
        nice: added to the process's niceness.
    """

    search_id: str
    request: Mapping[str, Any]
    tables_dir: str
    nice: int

    def to_json(self) -> str:
        """The order as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SearchOrder:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))
