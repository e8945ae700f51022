"""A front whose networks were evaluated on images, as it is kept: JSON and CSV, alone and beside a second timing."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from search import SearchResult, SearchSpec, Space, load_space, run_search
from service.jobs.result_documents import Added, Basis, result_files
from service.jobs.verified import Verified
from tests.service_world import DEVICE, ROOT, SPACE, board_table
from tests.unit.search.fakes import fake_resources

SUMMARY = {
    "evaluations": 12,
    "from_cache": 5,
    "images": 500,
    "images_sha256": "c" * 64,
    "agreement": {"kendall_tau": 0.8, "mean_difference": -0.01, "coverage_90": 0.9},
}


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space(SPACE)


@pytest.fixture(scope="module")
def result(space: Space) -> SearchResult:
    spec = SearchSpec(space.name, (DEVICE,), population=20, generations=8)
    found = run_search(spec, fake_resources(space, tables={DEVICE: board_table()}))
    front = tuple(replace(item, verified_error=0.01 * place) for place, item in enumerate(found.front))
    return replace(found, front=front)


def files(result: SearchResult, space: Space, verified: Verified | None) -> dict[str, bytes]:
    basis = Basis(space, {DEVICE: board_table()}, "sha")
    return result_files(result, basis, Added(None, verified))


@pytest.fixture(scope="module")
def verified(result: SearchResult) -> Verified:
    figures = {
        item.architecture_id: {"verified_error": item.verified_error, "verified_cross_entropy": 1.0 + place}
        for place, item in enumerate(result.front)
    }
    return Verified(figures, SUMMARY)


def test_both_errors_stand_in_the_document(result: SearchResult, space: Space, verified: Verified) -> None:
    front = json.loads(files(result, space, verified)["front.json"])
    assert front["verified"] == SUMMARY
    assert len(front["items"]) > 2
    for item, known in zip(front["items"], result.front, strict=True):
        assert item["error"] == known.error
        assert item["error_interval"] == list(known.error_interval)
        assert item["verified_error"] == known.verified_error
        assert item["verified_cross_entropy"] >= 1.0


def test_both_errors_stand_in_the_table(result: SearchResult, space: Space, verified: Verified) -> None:
    lines = list(csv.DictReader(io.StringIO(files(result, space, verified)["front.csv"].decode())))
    for line, item in zip(lines, result.front, strict=True):
        assert float(line["error"]) == item.error
        assert float(line["verified_error"]) == item.verified_error
        assert float(line["verified_cross_entropy"]) >= 1.0
        assert line["genome"] == " ".join(map(str, item.genome))


def test_a_network_that_was_not_evaluated_has_empty_cells(
    result: SearchResult, space: Space, verified: Verified
) -> None:
    missing = result.front[0].architecture_id
    rest = {name: figures for name, figures in verified.by_network.items() if name != missing}
    written = files(result, space, replace(verified, by_network=rest))
    line = next(csv.DictReader(io.StringIO(written["front.csv"].decode())))
    assert (line["architecture_id"], line["verified_error"], line["verified_cross_entropy"]) == (missing, "", "")
    assert "verified_error" not in json.loads(written["front.json"])["items"][0]


def test_without_verification_nothing_tells_of_one(result: SearchResult, space: Space) -> None:
    written = files(result, space, None)
    assert b"verified" not in written["front.json"] + written["front.csv"]


def test_a_search_by_prediction_alone_loads_no_database() -> None:
    """Its process would pay for it at every start."""
    code = "import sys, service.jobs.runner, service.jobs.result_documents, service.resources; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert not {"sqlalchemy", "alembic", "onnxruntime", "torch"} & set(done.stdout.split())
