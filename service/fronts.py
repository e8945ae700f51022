"""Fronts of finished searches: documents, single networks, ONNX files made on demand, and everything in one zip."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from search import evenly_spread
from service.catalogue import Catalogue, Supernet
from service.errors import InvalidStateError, NotFoundError, ResultDamagedError, SupernetChangedError
from service.job import TERMINAL, SearchJob, State
from service.jobs.breakdown_document import read_breakdown
from service.jobs.lifecycle import search_not_found
from service.result_names import BREAKDOWN, EVALUATED, FRONT_CSV, FRONT_JSON
from service.storage.artefacts import ResultFiles, StoredFile
from service.storage.database import Database
from service.storage.job_repository import JobRepository

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can hold: equal fronts give equal zips."""
_READABLE = 0o644 << 16


class Fronts:
    """Reads results through the database's list of files."""

    def __init__(self, database: Database, files: ResultFiles, catalogue: Catalogue) -> None:
        self._database = database
        self._files = files
        self._catalogue = catalogue

    def document(self, search_id: str) -> dict[str, Any]:
        """The front: what it rests on, and `items`.

        Raises:
            NotFoundError: no such search.
            InvalidStateError: it has no front, or none yet.
            ResultDamagedError: the stored file is missing or has changed.
        """
        stored = json.loads(self.file(search_id, FRONT_JSON))
        items = [{**item, "model_url": _model_url(search_id, item["architecture_id"])} for item in stored["items"]]
        return {"search_id": search_id, **stored, "items": items}

    def evaluated(self, search_id: str) -> bytes:
        """Every candidate evaluated, as JSON text. Raises as `document`."""
        return self.file(search_id, EVALUATED)

    def csv(self, search_id: str) -> bytes:
        """The front as CSV. Raises as `document`."""
        return self.file(search_id, FRONT_CSV)

    def file(self, search_id: str, name: str) -> bytes:
        """One stored file of a finished search. Raises as `document`."""
        return self._files.read(search_id, self._stored(search_id, name))

    def item(self, search_id: str, architecture_id: str) -> dict[str, Any]:
        """One network of a front, with what its latencies rest on and where they go, by the tables that were used.

        `breakdown` is None for a search that ended before there were breakdowns. Raises as `document`, and
        NotFoundError for a network that is not on the front.
        """
        document = self.document(search_id)
        item = _find(document, architecture_id)
        stored = self._listed(search_id, BREAKDOWN)
        rows = None
        if stored is not None:
            rows = read_breakdown(json.loads(self._files.read(search_id, stored)), architecture_id)
        return item | {"tables": document["tables"], "breakdown": rows}

    def model(self, search_id: str, architecture_id: str) -> bytes:
        """One network of a front as ONNX, the same bytes each time.

        Raises:
            SupernetChangedError: the weights the front was found with are no longer here.
            NotFoundError, InvalidStateError, ResultDamagedError: as `item`.
        """
        document = self.document(search_id)
        return self._export(document, _find(document, architecture_id))

    def zip(self, search_id: str, networks: int | None = None) -> Iterator[bytes]:
        """The front with its networks, stored without compression, one network in memory at a time.

        `networks` limits the ONNX files to so many, evenly spread over the front; JSON and CSV hold all of it.

        What can be wrong is found before the iterator is handed out. Raises as `model`.
        """
        document = self.document(search_id)
        self._supernet(document)
        content = json.dumps(document, allow_nan=False).encode()
        files = {FRONT_JSON: content, FRONT_CSV: self.csv(search_id)}
        items = document["items"]
        chosen = items if networks is None else evenly_spread(items, networks)
        return self._zip_parts(document, chosen, files)

    def _zip_parts(
        self, document: dict[str, Any], items: list[dict[str, Any]], files: dict[str, bytes]
    ) -> Iterator[bytes]:
        stream = _ForwardStream()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, content in files.items():
                archive.writestr(_entry(name), content)
                yield stream.take()
            for item in items:
                name = f"models/{item['architecture_id']}.onnx"
                archive.writestr(_entry(name), self._export(document, item))
                yield stream.take()
        yield stream.take()

    def _export(self, document: dict[str, Any], item: dict[str, Any]) -> bytes:
        supernet = self._supernet(document)
        space = self._catalogue.entry(document["space"]).space
        low, high = item["error_interval"]
        metadata = {"expected_error": repr(item["error"]), "expected_error_interval": f"{low!r},{high!r}"}
        return supernet.export(space.architecture(tuple(item["genome"])), metadata)

    def _supernet(self, document: dict[str, Any]) -> Supernet:
        supernet = self._catalogue.entry(document["space"]).supernet
        if supernet is None or supernet.sha256 != document["supernet_sha256"]:
            raise SupernetChangedError(document["space"])
        return supernet

    def _stored(self, search_id: str, name: str) -> StoredFile:
        stored = self._listed(search_id, name)
        if stored is None:
            raise ResultDamagedError(name, "is not listed")
        return stored

    def _listed(self, search_id: str, name: str) -> StoredFile | None:
        with self._database.read() as connection:
            repository = JobRepository(connection)
            job = repository.get(search_id)
            if job is None:
                raise search_not_found()
            _check_succeeded(job)
            return repository.file(search_id, name)


class _ForwardStream(io.RawIOBase):
    """A file that only grows; what was written is taken out piece by piece, so that a zip is never whole in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        content = bytes(part)
        self._parts.append(content)
        return len(content)

    def take(self) -> bytes:
        content = b"".join(self._parts)
        self._parts.clear()
        return content


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.external_attr = _READABLE
    entry.create_system = 3
    return entry


def _model_url(search_id: str, architecture_id: str) -> str:
    return f"/v1/searches/{search_id}/front/{architecture_id}/model.onnx"


def _find(document: dict[str, Any], architecture_id: str) -> dict[str, Any]:
    for item in document["items"]:
        if item["architecture_id"] == architecture_id:
            found: dict[str, Any] = item
            return found
    raise NotFoundError("network on this front", "GET the front to see its architecture_ids.")


def _check_succeeded(job: SearchJob) -> None:
    if job.state is State.SUCCEEDED:
        return
    hint = "Poll the search until it has succeeded." if job.state not in TERMINAL else "It has no front; post it again."
    raise InvalidStateError("give the front", job.state, [State.SUCCEEDED], hint)
