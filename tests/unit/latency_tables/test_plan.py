"""Measurement plans: written the same each time, and no strange zip gets in."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import warnings
import zipfile
from typing import Any, Literal

import pytest

from latency_tables import MeasurementPlan, OperatorKey, PlanEntry, PlanError, PlanRecipe, read_plan, write_plan
from latency_tables.plan import LARGEST_MODEL_BYTES, MOST_ENTRIES

KEY = OperatorKey("skip", (16, 32, 32), (24, 32, 32), (("stride", 1),))
MODEL = b"an ONNX model"


def index(**fields: Any) -> dict[str, Any]:
    entry = {
        "name": "skip-0",
        "role": "operator",
        "operators": [str(KEY)],
        "sha256": hashlib.sha256(MODEL).hexdigest(),
    }
    return {"format": "lutnas-measurement-plan/2", "space": "tiny", "recipe": None, "entries": [entry | fields]}


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def plan_zip(content: object, **files: bytes) -> bytes:
    return zipped({"plan.json": json.dumps(content).encode(), "models/skip-0.onnx": MODEL, **files})


def refusal(data: bytes) -> str:
    with pytest.raises(PlanError) as caught:
        read_plan(data)
    assert len(str(caught.value)) < 3000
    return str(caught.value)


def test_a_plan_comes_back_as_it_was(plan: MeasurementPlan) -> None:
    assert read_plan(write_plan(plan)) == plan


def test_equal_plans_are_equal_bytes(plan: MeasurementPlan) -> None:
    assert write_plan(plan) == write_plan(dataclasses.replace(plan))


def test_the_format_is_the_documented_one() -> None:
    assert read_plan(plan_zip(index())) == MeasurementPlan("tiny", (PlanEntry("skip-0", (KEY,), MODEL, "operator"),))


def test_a_compressed_plan_is_read(plan: MeasurementPlan) -> None:
    with zipfile.ZipFile(io.BytesIO(write_plan(plan))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert read_plan(zipped(files, zipfile.ZIP_DEFLATED)) == plan


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    assert "is not a zip file" in refusal(data)


def test_every_truncation_is_refused(plan: MeasurementPlan) -> None:
    data = write_plan(plan)
    for length in range(0, len(data), 97):
        refusal(data[:length])


def test_a_flipped_byte_never_gives_another_plan(plan: MeasurementPlan) -> None:
    data = write_plan(plan)
    for position in range(0, len(data), 5):
        flipped = bytearray(data)
        flipped[position] ^= 0x01
        try:
            survived = read_plan(bytes(flipped))
        except PlanError:
            continue
        assert survived == plan, position


@pytest.mark.parametrize(
    "name",
    ["../plan.json", "/etc/x", "models/../../x.onnx", "models/.onnx", "models/A.onnx", "C:\\x", "models/a/b.onnx"],
)
def test_files_outside_the_format_are_refused(name: str) -> None:
    assert "does not belong" in refusal(plan_zip(index(), **{name: b"x"}))


def test_a_model_that_plan_json_does_not_name_is_refused() -> None:
    assert "models/other.onnx: is in the zip or in plan.json, but not in both" in refusal(
        plan_zip(index(), **{"models/other.onnx": b"x"})
    )


def test_a_model_that_is_absent_is_refused() -> None:
    assert "not in both" in refusal(zipped({"plan.json": json.dumps(index()).encode()}))


def test_a_plan_without_plan_json_is_refused() -> None:
    assert "plan.json: is not in the zip" in refusal(zipped({"models/skip-0.onnx": MODEL}))


def test_two_files_of_one_name_are_refused() -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns while the bad file is made
        archive.writestr("plan.json", "{}")
        archive.writestr("plan.json", "{}")
    assert "two files of one name" in refusal(buffer.getvalue())


def test_a_wrong_sha256_shows_both_hashes() -> None:
    message = refusal(plan_zip(index(sha256="0" * 64)))
    assert "0" * 64 in message
    assert hashlib.sha256(MODEL).hexdigest() in message


def test_a_bomb_is_refused_by_its_ratio() -> None:
    bomb = zipped({"plan.json": b"{}", "models/a.onnx": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    packed = json.dumps(index(name="a")).encode()
    bomb = zipped({"plan.json": packed, "models/a.onnx": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    assert "compressed more than 100 to 1" in refusal(bomb)


def test_sizes_are_refused_before_anything_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latency_tables.plan.LARGEST_MODEL_BYTES", 5)
    assert "is 13 bytes, allowed are 5" in refusal(plan_zip(index()))
    monkeypatch.setattr("latency_tables.plan.LARGEST_TOTAL_BYTES", 5)
    assert "unpacks to more than 5 bytes" in refusal(plan_zip(index()))


def test_a_zip_that_lies_about_a_size_is_refused() -> None:
    data = bytearray(plan_zip(index()))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (5).to_bytes(4, "little")
    refusal(bytes(data))


def test_an_encrypted_zip_is_refused() -> None:
    data = bytearray(plan_zip(index()))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert "damaged" in refusal(bytes(data))


@pytest.mark.parametrize("content", [[], 7, None, {}, {"format": "lutnas-measurement-plan/2"}, index() | {"extra": 1}])
def test_a_plan_json_of_another_form_is_refused(content: object) -> None:
    assert "plan.json" in refusal(plan_zip(content))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"format": NaN}', b"[" * 100_000, b'{"a": 1, "a": 2}'])
def test_a_plan_json_that_is_no_json_is_refused(text: bytes) -> None:
    assert "plan.json: is not JSON" in refusal(zipped({"plan.json": text}))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"operators": ["nonsense"]}, "entry 0: 'nonsense' is not an operator key"),
        ({"operators": []}, "is a operator with 0 operators"),
        ({"operators": [str(KEY)] * 2}, "with 2 operators"),
        ({"role": "judge"}, "entries.0.role"),
        ({"sha256": "x"}, "entries.0.sha256"),
        ({"name": 7}, "entries.0.name"),
        ({"surplus": 7}, "entries.0.surplus"),
    ],
)
def test_faults_of_an_entry_are_named(fields: dict[str, Any], fault: str) -> None:
    assert fault in refusal(plan_zip(index(**fields)))


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 65, "ä", "a\n"])
def test_a_plan_cannot_be_made_with_an_unsafe_name(name: str) -> None:
    with pytest.raises(PlanError, match="is no safe name"):
        MeasurementPlan("tiny", (PlanEntry(name, (KEY,), MODEL, "operator"),))
    with pytest.raises(PlanError, match="is no safe name"):
        MeasurementPlan(name, (PlanEntry("a", (KEY,), MODEL, "operator"),))


def test_a_plan_cannot_use_a_name_twice() -> None:
    entry = PlanEntry("a", (KEY,), MODEL, "operator")
    with pytest.raises(PlanError, match="entry 1: name 'a' is used twice") as caught:
        MeasurementPlan("tiny", (entry, entry))
    assert caught.value.where == "entry 1"


@pytest.mark.parametrize("count", [0, MOST_ENTRIES + 1])
def test_a_plan_cannot_be_empty_or_endless(count: int) -> None:
    entry = PlanEntry("a", (KEY,), MODEL, "operator")
    with pytest.raises(PlanError, match=f"there are {count}"):
        MeasurementPlan("tiny", (entry,) * count)


def test_a_model_cannot_be_empty_or_huge() -> None:
    for model in (b"", bytes(LARGEST_MODEL_BYTES + 1)):
        with pytest.raises(PlanError, match=f"has {len(model)} bytes"):
            MeasurementPlan("tiny", (PlanEntry("a", (KEY,), model, "operator"),))


@pytest.mark.parametrize("kind", ["full", "few-shot"])
def test_the_recipe_comes_back(kind: Literal["full", "few-shot"], plan: MeasurementPlan) -> None:
    named = dataclasses.replace(plan, recipe=PlanRecipe(kind, 20))
    assert read_plan(write_plan(named)) == named
    assert write_plan(named) != write_plan(plan)


@pytest.mark.parametrize(
    "recipe",
    [
        "full",
        {},
        {"kind": "half", "networks": 1},
        {"kind": "full"},
        {"kind": "full", "networks": -1},
        {"kind": "full", "networks": 10**9},
        {"kind": "full", "networks": True},
        {"kind": "full", "networks": 1, "seed": 2},
    ],
)
def test_a_strange_recipe_is_refused(recipe: object) -> None:
    assert "recipe" in refusal(plan_zip(index() | {"recipe": recipe}))


def test_a_plan_without_a_recipe_says_so() -> None:
    content = index()
    del content["recipe"]
    assert "recipe: Field required" in refusal(plan_zip(content))


def test_a_zip_whose_directory_points_before_its_beginning_is_refused(plan: MeasurementPlan) -> None:
    """Found by flipping bytes: such an offset makes `zipfile` raise ValueError."""
    data = bytearray(write_plan(plan))
    end = data.rfind(b"PK\x05\x06")
    data[end + 16 : end + 20] = (2**32 - 1 - 2**24).to_bytes(4, "little")
    refusal(bytes(data))
