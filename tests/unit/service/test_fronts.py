"""Fronts read back: what is checked before anything is handed out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from search import Architecture, load_space, measurement_plan
from service.catalogue import Catalogue, SpaceEntry, Supernet
from service.errors import (
    InvalidStateError,
    NoSupernetError,
    NotFoundError,
    ResultDamagedError,
    SupernetChangedError,
    UnknownNameError,
)
from service.fronts import Fronts
from service.job import JobError
from service.jobs.breakdown_document import breakdown_document
from service.jobs.lifecycle import Lifecycle
from service.plans import Plans
from service.storage.artefacts import ResultFiles
from service.storage.database import Database
from service.table_shelf import TableShelf
from tests.service_world import DEVICE, SPACE, board_table

EFFECTIVE = {"space": SPACE, "generations": 1, "seed": 7}
ITEM = {"architecture_id": "abc", "genome": [0, 1, 0, 1], "error": 0.25, "error_interval": [0.2, 0.3]}
TABLES = {DEVICE: {"kind": "published", "sha256": "abc"}}
FRONT = {"space": SPACE, "supernet_sha256": "made-with-this", "tables": TABLES, "items": [ITEM]}


def fake_export(architecture: Architecture, metadata: Mapping[str, str]) -> bytes:
    return json.dumps([architecture.genome, dict(metadata)]).encode()


class FakePredictor:
    """Never asked here."""

    def mean(self, genomes):
        raise NotImplementedError

    predict = mean


def catalogue(folder: Path, sha256: str | None = "made-with-this") -> Catalogue:
    supernet = None if sha256 is None else Supernet({}, sha256, FakePredictor(), (), fake_export)
    entry = SpaceEntry(load_space(SPACE), supernet, Plans(lambda _: measurement_plan(load_space(SPACE))))
    return Catalogue({SPACE: entry}, TableShelf({(DEVICE, SPACE): board_table()}, folder / "tables", {SPACE: ()}))


@pytest.fixture
def files(tmp_path: Path) -> ResultFiles:
    return ResultFiles(tmp_path / "searches")


@pytest.fixture
def finished(lifecycle: Lifecycle, files: ResultFiles) -> str:
    lifecycle.create({}, EFFECTIVE)
    job = lifecycle.claim()
    assert job is not None
    contents = {"front.json": json.dumps(FRONT).encode(), "front.csv": b"a,b\n", "evaluated.json": b"{}"}
    lifecycle.succeed(job.id, 1, [files.write(job.id, name, content) for name, content in contents.items()], 1)
    return job.id


@pytest.fixture
def fronts(database: Database, files: ResultFiles, tmp_path: Path) -> Fronts:
    return Fronts(database, files, catalogue(tmp_path))


def test_a_front_names_its_search_and_where_its_networks_are(fronts: Fronts, finished: str) -> None:
    front = fronts.document(finished)
    assert front["search_id"] == finished
    assert front["items"] == [ITEM | {"model_url": f"/v1/searches/{finished}/front/abc/model.onnx"}]


def test_a_network_is_exported_with_its_error(fronts: Fronts, finished: str) -> None:
    genome, metadata = json.loads(fronts.model(finished, "abc"))
    assert genome == [0, 1, 0, 1]
    assert metadata == {"expected_error": "0.25", "expected_error_interval": "0.2,0.3"}


def test_a_network_that_is_not_on_the_front_is_not_found(fronts: Fronts, finished: str) -> None:
    with pytest.raises(NotFoundError, match="architecture_ids"):
        fronts.model(finished, "../../etc/passwd")


@pytest.mark.parametrize("sha256", [None, "another"])
def test_networks_of_a_replaced_supernet_are_refused(
    database: Database, files: ResultFiles, tmp_path: Path, finished: str, sha256: str | None
) -> None:
    fronts = Fronts(database, files, catalogue(tmp_path, sha256))
    for action in (lambda: fronts.model(finished, "abc"), lambda: fronts.zip(finished)):
        with pytest.raises(SupernetChangedError, match="Post the search again"):
            action()
    assert fronts.document(finished)["items"]


def test_a_front_whose_file_has_changed_is_refused(fronts: Fronts, finished: str, tmp_path: Path) -> None:
    (tmp_path / "searches" / finished / "front.json").write_text("{}")
    with pytest.raises(ResultDamagedError, match=r"front\.json"):
        fronts.document(finished)
    assert fronts.csv(finished) == b"a,b\n"


def test_a_network_of_an_older_search_has_no_breakdown(fronts: Fronts, finished: str) -> None:
    found = fronts.item(finished, "abc")
    assert (found["breakdown"], found["tables"], found["error"]) == (None, TABLES, 0.25)


def test_a_breakdown_is_read_from_its_own_file(fronts: Fronts, lifecycle: Lifecycle, files: ResultFiles) -> None:
    lifecycle.create({}, EFFECTIVE)
    job = lifecycle.claim()
    assert job is not None
    architecture = load_space(SPACE).architecture((0, 1, 0, 1))
    item = ITEM | {"architecture_id": architecture.architecture_id}
    contents = {
        "front.json": FRONT | {"items": [item]},
        "breakdown.json": breakdown_document([architecture], {DEVICE: board_table()}),
    }
    stored = [files.write(job.id, name, json.dumps(content).encode()) for name, content in contents.items()]
    lifecycle.succeed(job.id, 1, stored, 1)
    rows = fronts.item(job.id, architecture.architecture_id)["breakdown"][DEVICE]
    assert math.fsum(row["latency_ms"] for row in rows) == pytest.approx(
        board_table().total_ms(architecture.operator_keys), abs=1e-9
    )


def test_there_is_no_front_before_the_end(fronts: Fronts, lifecycle: Lifecycle) -> None:
    queued = lifecycle.create({}, EFFECTIVE).id
    with pytest.raises(InvalidStateError, match="Poll the search") as caught:
        fronts.document(queued)
    assert (caught.value.state, caught.value.allowed_from) == ("queued", ("succeeded",))


def test_there_is_no_front_of_a_failed_search(fronts: Fronts, lifecycle: Lifecycle) -> None:
    lifecycle.create({}, EFFECTIVE)
    job = lifecycle.claim()
    assert job is not None
    lifecycle.fail(job.id, 1, JobError("x", "y"))
    with pytest.raises(InvalidStateError, match="It has no front"):
        fronts.evaluated(job.id)


def test_an_unknown_search_has_no_front(fronts: Fronts) -> None:
    with pytest.raises(NotFoundError, match="GET /v1/searches"):
        fronts.csv("srch_none")


def test_the_catalogue_tells_what_it_knows(tmp_path: Path) -> None:
    known = catalogue(tmp_path)
    assert known.names == (SPACE,)
    assert list(known.tables_for(SPACE)) == [DEVICE]
    assert list(known.tables_of(DEVICE)) == [SPACE]
    assert known.tables_of("none") == {}
    assert set(known.resources(SPACE).tables) == {DEVICE}
    with pytest.raises(NotFoundError, match=SPACE):
        known.entry("none")
    with pytest.raises(UnknownNameError, match=SPACE):
        known.resources("none")


def test_a_space_without_supernet_cannot_be_searched(tmp_path: Path) -> None:
    with pytest.raises(NoSupernetError, match="Spaces that have one: none"):
        catalogue(tmp_path, None).resources(SPACE)
