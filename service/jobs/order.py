"""SearchOrder: what the worker hands to the child process of one search, as JSON text (no objects cross the border)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from service.job import SearchJob
from service.settings import Settings

if TYPE_CHECKING:
    # The child process reads orders before it loads numpy (`runner.py`), so that nothing heavy is imported here.
    from service.catalogue import Catalogue


@dataclass(frozen=True)
class SearchOrder:
    """One search to run.

    Attributes:
        request: the effective request, every default filled in.
        tables_dir: folder of the user's latency tables.
        pretrained_dir: folder of trained supernets; None for the shipped ones.
        hyperparameters: of the server's predictor for the space.
        nice: added to the process's niceness.
        datasets: paths of datasets by name; `images_dir` holds what was read of them.
        database_url: where evaluations are kept; `claims_file` is what says who makes which.
    """

    search_id: str
    request: Mapping[str, Any]
    tables_dir: str
    pretrained_dir: str | None
    hyperparameters: tuple[float, ...]
    nice: int
    datasets: Mapping[str, str] = field(default_factory=dict)
    images_dir: str = ""
    database_url: str = ""
    claims_file: str = ""

    def to_json(self) -> str:
        """The order as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SearchOrder:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        return cls(**(content | {"hyperparameters": tuple(content["hyperparameters"])}))


def make_order(settings: Settings, catalogue: Catalogue, job: SearchJob) -> SearchOrder:
    """The order for a claimed search.

    Raises:
        UnknownNameError, NoSupernetError: its space or supernet has gone since it was posted.
    """
    supernet = catalogue.supernet(catalogue.requested(job.space))
    return SearchOrder(
        search_id=job.id,
        request=job.effective,
        tables_dir=str(settings.tables_dir),
        pretrained_dir=None if settings.pretrained_dir is None else str(settings.pretrained_dir),
        hyperparameters=supernet.hyperparameters,
        nice=settings.child_nice,
        datasets={name: str(path) for name, path in settings.datasets.items()},
        images_dir=str(settings.images_dir),
        database_url=settings.url,
        claims_file=str(settings.claims_file),
    )
