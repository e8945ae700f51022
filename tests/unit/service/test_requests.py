"""Request bodies, models and page tokens, before any route sees them."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import ValidationError

from search import Limit
from service.api.page_token import read_page_token, write_page_token
from service.api.strict_json import parse_json
from service.errors import MalformedBodyError, PageTokenError
from service.job import State
from service.json_pointer import pointer
from service.search_request import VERIFY_EVALUATIONS, VERIFY_IMAGES, SearchRequest
from tests.unit.service.test_job import JOB

KEY = "skip in=1x2x3 out=1x2x3"
BASE = {"space": "tiny-cifar10", "devices": ["pixel-3"]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "line 1, column"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "a": 2}', "this name twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b"\x1f\x8b\x08\x00", "not UTF-8"),
    ],
)
def test_traps_are_refused_without_repeating_them(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedBodyError, match=reason) as caught:
        parse_json(body)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (b'{"a": {"b": [1, NaN, 2, -Infinity]}}', ["/a/b/1", "/a/b/3"]),
        (b'{"a": {"b": 1, "c": 2, "b": 3}, "d": 1e999}', ["/a/b", "/d"]),
        (b'{"a": "\\ud800", "b": ["\\uDFFF"], "c": "\\ud83d\\ude00"}', ["/a", "/b/0"]),
        (b'{"skip in=16x32x32 out=24x32x32 stride=1": NaN}', ["/skip in=16x32x32 out=24x32x32 stride=1"]),
        (b"[1, " + b"9" * 5000 + b"]", ["/1"]),
        (b"NaN", [""]),
        (b"{", [""]),
        (b'{"a":' * 400 + b"NaN" + b"}" * 400, ["/a" * 51]),
    ],
)
def test_every_trap_is_named_by_its_place(body: bytes, places: list[str]) -> None:
    with pytest.raises(MalformedBodyError) as caught:
        parse_json(body)
    assert [fault.pointer for fault in caught.value.faults] == places


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("limits", "latency_ms", "pixel-3"), "/limits/latency_ms/pixel-3"),
        (("a/b", "c~d"), "/a~1b/c~0d"),
        (("<script>", "é\n\u202e"), "/?script?/???"),
        (("x" * 500,), "/" + "x" * 64),
        ((KEY,), f"/{KEY}"),
        (
            ("skip in=1x2x3 out=1x2x3 -> skip in=1x2x3 out=1x2x3",),
            "/skip in=1x2x3 out=1x2x3 -> skip in=1x2x3 out=1x2x3",
        ),
        (("skip in=1x2x3 out=1x2x3 -> <b>",), "/skip?in?1x2x3?out?1x2x3?-???b?"),
        (("skip in=1x2x3 out=1x2",), "/skip?in?1x2x3?out?1x2"),
        ((), ""),
    ],
)
def test_pointers_are_safe_and_keep_operator_keys(parts: tuple[str, ...], expected: str) -> None:
    assert pointer(parts) == expected


def test_plain_json_is_read() -> None:
    assert parse_json(b'{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}


def test_a_request_becomes_the_engines_spec() -> None:
    bounds = {"latency_ms": {"pixel-3": {"max": 25.0}}, "params": {"min": 10, "max": 2_000_000}}
    spec = SearchRequest.model_validate(BASE | {"limits": bounds, "seed": 4}).search_spec()
    assert spec.devices == ("pixel-3",)
    assert (spec.population, spec.generations, spec.seed) == (96, 150, 4)
    assert spec.objectives == ("error", "latency_ms")
    latency, params = Limit("latency_ms", "pixel-3", None, 25.0), Limit("params", None, 10, 2_000_000)
    assert set(spec.limits) == {latency, params}


def test_a_front_is_measured_again_only_when_asked_for() -> None:
    assert SearchRequest.model_validate(BASE).remeasure is False
    assert SearchRequest.model_validate(BASE | {"remeasure": True}).remeasure is True


@pytest.mark.parametrize("objectives", [["error"], ["error", "macs"]])
def test_what_is_not_minimised_cannot_be_measured_again(objectives: list[str]) -> None:
    with pytest.raises(ValidationError, match="among the objectives") as caught:
        SearchRequest.model_validate(BASE | {"objectives": objectives, "remeasure": True})
    assert [fault["loc"] for fault in caught.value.errors()] == [("remeasure",)]
    assert SearchRequest.model_validate(BASE | {"objectives": objectives, "remeasure": False})


def test_a_verified_search_has_a_budget_and_images_when_completed() -> None:
    request = SearchRequest.model_validate(BASE | {"verify": True})
    completed = request.completed(7, {"pixel-3": "a" * 64})
    assert (completed.verify_evaluations, completed.verify_images) == (VERIFY_EVALUATIONS, VERIFY_IMAGES)
    assert (completed.seed, completed.tables) == (7, {"pixel-3": "a" * 64})
    assert completed.search_spec().evaluations == VERIFY_EVALUATIONS
    assert SearchRequest.model_validate(completed.model_dump(exclude_none=True)) == completed


def test_what_a_verified_search_states_is_kept() -> None:
    stated = {"verify": True, "verify_evaluations": 2, "verify_images": 10}
    completed = SearchRequest.model_validate(BASE | stated).completed(7, {})
    assert (completed.verify_evaluations, completed.verify_images) == (2, 10)


def test_a_search_by_prediction_alone_has_no_budget() -> None:
    completed = SearchRequest.model_validate(BASE).completed(7, {})
    assert not {"verify_evaluations", "verify_images"} & set(completed.model_dump(exclude_none=True))
    assert completed.search_spec().evaluations is None


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"verify": 1}, ["verify"]),
        ({"verify": None}, ["verify"]),
        ({"verify": True, "objectives": ["macs", "params"]}, ["verify"]),
        ({"verify": True, "verify_evaluations": 1}, ["verify_evaluations"]),
        ({"verify": True, "verify_evaluations": 2001, "verify_images": 9}, ["verify_evaluations", "verify_images"]),
        ({"verify": True, "verify_evaluations": 64.0}, ["verify_evaluations"]),
        ({"verify": True, "verify_images": "all"}, ["verify_images"]),
        ({"verify_evaluations": 64}, ["verify_evaluations"]),
        ({"verify": False, "verify_images": 500}, ["verify_images"]),
        ({"verify": "yes", "verify_images": 500}, ["verify"]),
    ],
)
def test_senseless_verification_is_refused_where_it_stands(change: dict, places: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate(BASE | change)
    assert [fault["loc"] for fault in caught.value.errors()] == [(place,) for place in places]


def test_a_spec_needs_its_seed() -> None:
    with pytest.raises(ValueError, match="seed"):
        SearchRequest.model_validate(BASE).search_spec()
    with pytest.raises(ValueError, match="verify"):
        SearchRequest.model_validate(BASE | {"verify": True, "seed": 1}).search_spec()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"space": 5}, ("space",)),
        ({"space": "../../etc/passwd"}, ("space",)),
        ({"space": "a" * 65}, ("space",)),
        ({"devices": []}, ("devices",)),
        ({"devices": "pixel-3"}, ("devices",)),
        ({"devices": ["a\x00b"]}, ("devices", 0)),
        ({"population": 0}, ("population",)),
        ({"population": -1}, ("population",)),
        ({"population": 10**9}, ("population",)),
        ({"population": 10**400}, ("population",)),
        ({"population": 96.0}, ("population",)),
        ({"population": "96"}, ("population",)),
        ({"population": True}, ("population",)),
        ({"generations": 0}, ("generations",)),
        ({"generations": 10**9}, ("generations",)),
        ({"seed": -1}, ("seed",)),
        ({"remeasure": 1}, ("remeasure",)),
        ({"remeasure": "yes"}, ("remeasure",)),
        ({"seed": 2**63}, ("seed",)),
        ({"colour": "red"}, ("colour",)),
        ({"limits": {"flops": {"max": 1}}}, ("limits", "flops")),
        ({"limits": {"params": {"maximum": 1}}}, ("limits", "params", "maximum")),
        ({"limits": {"params": 5}}, ("limits", "params")),
        ({"limits": {"params": {"max": float("nan")}}}, ("limits", "params", "max")),
        ({"limits": {"params": {"max": float("inf")}}}, ("limits", "params", "max")),
        ({"limits": {"params": {"max": -1}}}, ("limits", "params", "max")),
        ({"limits": {"latency_ms": {"max": 25}}}, ("limits", "latency_ms", "max")),
        ({"limits": []}, ("limits",)),
    ],
)
def test_a_wrong_field_is_named(change: dict, place: tuple) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate(BASE | change)
    (fault,) = caught.value.errors()
    assert fault["loc"] == place


def test_an_unknown_field_lists_the_known_ones() -> None:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate(BASE | {"limits": {"flops": {"max": 1}}, "colour": 1})
    messages = {fault["loc"][-1]: fault["msg"] for fault in caught.value.errors()}
    assert "macs" in messages["flops"]
    assert "population" in messages["colour"]


@pytest.mark.parametrize("state", [None, State.RUNNING])
def test_a_page_token_reads_back_for_its_filter_only(state: State | None) -> None:
    token = write_page_token(JOB, state)
    assert read_page_token(token, state) == ("2026-11-22T12:00:00.000000Z", "srch_a")
    with pytest.raises(PageTokenError):
        read_page_token(token, State.FAILED)


def as_token(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "!!!!", "é", "a" * 500, as_token([1, 2, None]), as_token(["2026", "x", None]), as_token({}), as_token(5)],
)
def test_other_texts_are_no_page_tokens(token: str) -> None:
    with pytest.raises(PageTokenError):
        read_page_token(token, None)


def test_pointers_mask_what_clients_make_up() -> None:
    assert pointer(["limits", "latency_ms", "<script>\n", 0]) == "/limits/latency_ms/?script??/0"
    assert len(pointer(["x" * 1000])) == 65
