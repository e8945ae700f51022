"""`docs/verified-searches.md` states what the service takes and gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from search import SearchSpec
from service.api.front_figures import PredictionAgreementAnswer, VerifiedAnswer
from service.search_request import VERIFY_EVALUATIONS, VERIFY_IMAGES, SearchRequest

TEXT = (Path(__file__).parents[3] / "docs" / "verified-searches.md").read_text(encoding="utf-8")


def test_the_example_is_a_request() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    request = SearchRequest.model_validate(json.loads(example))
    assert request.verify
    spec: SearchSpec = request.search_spec()
    assert spec.evaluations == request.verify_evaluations


@pytest.mark.parametrize(
    ("name", "default"), [("verify_evaluations", VERIFY_EVALUATIONS), ("verify_images", VERIFY_IMAGES)]
)
def test_defaults_and_bounds_are_stated(name: str, default: int) -> None:
    schema = next(part for part in SearchRequest.model_json_schema()["properties"][name]["anyOf"] if "minimum" in part)
    row = f"| `{name}` | {default:,} | {schema['minimum']:,} | {schema['maximum']:,} |"
    assert row in TEXT


@pytest.mark.parametrize("answer", [VerifiedAnswer, PredictionAgreementAnswer])
def test_every_figure_is_explained(answer: type) -> None:
    nested = {"agreement", "evaluations", "images"}
    assert [name for name in answer.model_fields if f"`{name}`" not in TEXT and name not in nested] == []
