"""What is sent and shown of a table keeps up with what a table has."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import BaseModel

from latency_tables import Honesty, LatencyTable, Provenance, Uncertainty, format_table
from search import load_space
from service.api.device_schemas import HonestyAnswer, ProvenanceAnswer
from service.api.table_body import PUT_BODY
from service.table_document import FORMAT, HonestyBody, ProvenanceBody, TableBody, UncertaintyBody
from tests.service_world import SPACE, board_table


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (HonestyAnswer, Honesty),
        (HonestyBody, Honesty),
        (ProvenanceAnswer, Provenance),
        (ProvenanceBody, Provenance),
        (TableBody, LatencyTable),
        (UncertaintyBody, Uncertainty),
    ],
)
def test_every_field_has_its_like(model: type[BaseModel], shown: type) -> None:
    assert set(model.model_fields) == {field.name for field in dataclasses.fields(shown)}


def test_the_format_is_that_of_the_files() -> None:
    assert f'"format": "{FORMAT}"' in format_table(board_table())


def test_the_examples_of_the_document_name_operators_of_the_sort_that_spaces_have() -> None:
    kinds = {block.operator_key.kind for block in load_space(SPACE).operators()}
    for example in PUT_BODY["content"]["application/json"]["examples"].values():
        table = example["value"].get("table", example["value"])
        assert {text.split(" ")[0] for text in table["operator_ms"]} <= kinds
