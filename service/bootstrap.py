"""Composition root: the only place that puts the parts of the service together (used by `server.py` and tests)."""

from __future__ import annotations

import logging
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from service.catalogue import Catalogue
from service.datasets import DatasetShelf
from service.fronts import Fronts
from service.jobs.lifecycle import Lifecycle
from service.jobs.order import make_order
from service.jobs.runner import run_order
from service.jobs.worker import Target, Worker
from service.resources import load_catalogue
from service.settings import Settings
from service.storage.artefacts import ResultFiles
from service.storage.data_folder import DataFolder, hold_data_folder
from service.storage.database import Database, open_database

_LOG = logging.getLogger("lutnas.datasets")


@dataclass(frozen=True)
class Services:
    """Everything the application is made of."""

    settings: Settings
    catalogue: Catalogue
    datasets: DatasetShelf
    database: Database
    lifecycle: Lifecycle
    files: ResultFiles
    fronts: Fronts
    worker: Worker
    folder: DataFolder

    def close(self) -> None:
        """Give database and data folder back; the worker must have been stopped."""
        self.database.close()
        self.folder.release()


def build_services(settings: Settings, catalogue: Catalogue | None = None, target: Target = run_order) -> Services:
    """Put the service together; `catalogue` and `target` (what a child process runs) replace the shipped ones in tests.

    Raises:
        StartError: the data folder or the database cannot be used.
        SearchError, LatencyTableError: a shipped space, supernet or table, or a table of the user, is damaged.
    """
    folder = hold_data_folder(settings.data_dir)
    with ExitStack() as undo:
        undo.callback(folder.release)
        database = open_database(settings.url, settings.busy_timeout_s)
        undo.callback(database.close)
        offered = catalogue or load_catalogue(settings.tables_dir, settings.pretrained_dir)
        lifecycle = Lifecycle(database, lambda: datetime.now(UTC), owner=uuid.uuid4().hex)
        files = ResultFiles(settings.searches_dir)
        worker = Worker(settings, lifecycle, files, partial(make_order, settings, offered), target)
        fronts = Fronts(database, files, offered)
        datasets = DatasetShelf(settings.datasets, settings.images_dir)
        _warn(datasets, offered)
        services = Services(settings, offered, datasets, database, lifecycle, files, fronts, worker, folder)
        undo.pop_all()
    return services


def _warn(datasets: DatasetShelf, catalogue: Catalogue) -> None:
    supernets = [catalogue.entry(name).supernet for name in catalogue.names]
    for doubt in datasets.doubts(catalogue.names, [supernet.card for supernet in supernets if supernet is not None]):
        _LOG.warning(doubt)
