"""docs/searching.md: every request on it is one that the service takes, and its names are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from latency_tables import shipped_tables
from search import SearchResources, StopReason, check_spec, load_space
from service.search_fields import StopCriteria
from service.search_request import SearchRequest
from tests.unit.search.fakes import FakePredictor

PAGE = (Path(__file__).parents[3] / "docs" / "searching.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", REQUESTS, ids=range(len(REQUESTS)))
def test_every_request_on_the_page_can_be_run(text: str) -> None:
    request = SearchRequest.model_validate_json(text)
    space = load_space(request.space)
    tables = {device: table for (device, name), table in shipped_tables().items() if name == space.name}
    resources = SearchResources(space, FakePredictor(space), tables)
    check_spec(request.completed(7, {}).search_spec(), resources)


def test_the_page_has_requests_for_every_option() -> None:
    given = {name for text in REQUESTS for name in json.loads(text)}
    assert {"objectives", "limits", "stop", "start_genomes", "seed"} <= given
    assert len(REQUESTS) >= 7


def test_the_page_names_every_criterion_and_every_reason() -> None:
    for name in (*StopCriteria.model_fields, *StopReason):
        assert f"`{name}`" in PAGE, name
