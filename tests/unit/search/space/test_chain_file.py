"""Chain space files: what a good one makes, and that every bad one is refused with the place and the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import SearchError, SpaceFileError
from search.space.base import count_architectures
from search.space.chain import ChainSpace, chain_space, read_chain_space

Content = dict[str, Any]
Spoil = Callable[[Content], object]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.json"
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> SpaceFileError:
    with pytest.raises(SpaceFileError) as caught:
        read_chain_space(path)
    error = caught.value
    assert isinstance(error, SearchError)
    assert error.path == str(path)
    assert str(path) in str(error)
    assert error.reason
    assert len(str(error)) < 6000
    return error


def test_a_good_file_makes_a_space(tmp_path: Path, content: Content, tiny: ChainSpace) -> None:
    space = read_chain_space(written(tmp_path, json.dumps(content)))
    assert space == tiny
    assert space.name == "tiny-cifar10"
    assert space.input_shape == (3, 32, 32)
    assert space.classes == 10
    assert space.gene_names == ("layer1", "layer2", "layer3", "layer4")
    assert space.choice_names[0] == ("k3_e1_g2", "k5_e3", "skip")
    assert space.positions == ("stem", "layer1", "layer2", "layer3", "layer4", "head")


def test_fields_with_defaults_may_be_left_out(content: Content) -> None:
    del content["description"]
    assert chain_space(content).description == ""


def test_the_order_of_names_in_the_file_does_not_matter(content: Content, tiny: ChainSpace) -> None:
    backwards = dict(reversed(content.items()))
    assert chain_space(backwards).sha256 == tiny.sha256


def test_a_default_written_out_is_the_same_space(content: Content, tiny: ChainSpace) -> None:
    content["choices"]["k3_e1"]["groups"] = 1
    assert chain_space(content).sha256 == tiny.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(name="other"),
        lambda c: c.update(classes=11),
        lambda c: c["stem"].update(kernel=5),
        lambda c: c["head"].update(hidden_channels=65),
        lambda c: c["choices"]["k3_e1"].update(kernel=7),
        lambda c: c["choice_sets"]["plain"].reverse(),
    ],
)
def test_another_space_has_another_fingerprint(content: Content, tiny: ChainSpace, change: Spoil) -> None:
    change(content)
    assert chain_space(content).sha256 != tiny.sha256


BAD_CONTENT: list[tuple[str, Spoil]] = [
    ("format", lambda c: c.pop("format")),
    ("format", lambda c: c.update(format="lutnas-chain-space/2")),
    ("name", lambda c: c.update(name="")),
    ("name", lambda c: c.update(name="../../etc/passwd")),
    ("name", lambda c: c.update(name="Tiny")),
    ("name", lambda c: c.update(name="tiny\n")),
    ("name", lambda c: c.update(name="a" * 65)),
    ("name", lambda c: c.update(name=7)),
    ("description", lambda c: c.update(description="x" * 2001)),
    ("input", lambda c: c.update(input=[3, 32])),
    ("input", lambda c: c.update(input=[3, 32, 32, 32])),
    ("input", lambda c: c.update(input=[3, 32, 0])),
    ("square", lambda c: c.update(input=[3, 32, 16])),
    ("input", lambda c: c.update(input=[3, 1e999, 1e999])),
    ("input", lambda c: c.update(input="3x32x32")),
    ("classes", lambda c: c.update(classes=1)),
    ("classes", lambda c: c.update(classes=True)),
    ("classes", lambda c: c.update(classes=10.0)),
    ("classes", lambda c: c.update(classes="10")),
    ("classes", lambda c: c.update(classes=10**4000)),
    ("classes", lambda c: c.update(classes=float("nan"))),
    ("classes", lambda c: c.update(classes=float("inf"))),
    ("classes", lambda c: c.update(classes=None)),
    ("colour", lambda c: c.update(colour="blue")),
    ("choices", lambda c: c.update(choices={})),
    ("choices", lambda c: c.update(choices=[])),
    ("choices", lambda c: c["choices"].update({"": {"kind": "skip"}})),
    ("kind", lambda c: c["choices"].update(k3_e1={"kind": "transformer"})),
    ("kind", lambda c: c["choices"]["skip"].pop("kind")),
    ("kernel", lambda c: c["choices"]["skip"].update(kernel=3)),
    ("odd", lambda c: c["choices"]["k3_e1"].update(kernel=4)),
    ("kernel", lambda c: c["choices"]["k3_e1"].update(kernel=0)),
    ("kernel", lambda c: c["choices"]["k3_e1"].update(kernel=13)),
    ("kernel", lambda c: c["choices"]["k3_e1"].update(kernel=True)),
    ("kernel", lambda c: c["choices"]["k3_e1"].update(kernel=3.0)),
    ("expansion", lambda c: c["choices"]["k3_e1"].update(expansion=0)),
    ("expansion", lambda c: c["choices"]["k3_e1"].update(expansion=-1)),
    ("expansion", lambda c: c["choices"]["k3_e1"].update(expansion=17)),
    ("groups", lambda c: c["choices"]["k3_e1"].update(groups=0)),
    ("3 groups do not divide", lambda c: c["choices"]["k3_e1"].update(groups=3)),
    ("64 groups do not divide", lambda c: c["choices"]["k3_e1_g2"].update(groups=64)),
    ("choice_sets", lambda c: c.update(choice_sets={})),
    ("choice_sets.plain", lambda c: c["choice_sets"].update(plain=[])),
    ("k9", lambda c: c["choice_sets"]["plain"].append("k9")),
    ("twice", lambda c: c["choice_sets"]["plain"].append("skip")),
    ("choice_sets", lambda c: c["choice_sets"].update({"with space": ["skip"]})),
    ("stem", lambda c: c.pop("stem")),
    ("stem.stride", lambda c: c["stem"].update(stride=0)),
    ("stem.stride", lambda c: c["stem"].update(stride=5)),
    ("stem.out_channels", lambda c: c["stem"].update(out_channels=4097)),
    ("stages", lambda c: c.update(stages=[])),
    ("stages", lambda c: c.update(stages=c["stages"] * 20)),
    ("stages.0.layers", lambda c: c["stages"][0].update(layers=[])),
    ("stages.0.layers", lambda c: c["stages"][0].update(layers=["plain"] * 65)),
    (r"stages\[1\].layers", lambda c: c["stages"][1].update(layers=["plain", "fancy"])),
    ("head.hidden_channels", lambda c: c["head"].update(hidden_channels=0)),
    ("head", lambda c: c.update(head=None)),
]


@pytest.mark.parametrize(("place", "spoil"), BAD_CONTENT)
def test_a_file_that_breaks_the_format_is_refused(tmp_path: Path, content: Content, place: str, spoil: Spoil) -> None:
    spoil(content)
    error = refused(written(tmp_path, json.dumps(content)))
    assert re.search(place, error.reason), error.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "null",
        "5",
        '"tiny-cifar10"',
        "[]",
        '[["format", "lutnas-chain-space/1"]]',
        "{",
        "{'format': 1}",
        '{"format": "lutnas-chain-space/1",}',
        "NaN",
        "9" * 5000,
        '{"classes": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 50_000,
        "\ufeff{}",
        '{"name": "\\ud800"}',
        "format: lutnas-chain-space/1",
    ],
)
def test_a_file_that_is_no_space_at_all_is_refused(tmp_path: Path, text: str) -> None:
    refused(written(tmp_path, text))


def test_deep_nesting_is_named(tmp_path: Path) -> None:
    assert "nested too deeply" in refused(written(tmp_path, "[" * 100_000)).reason


def test_a_name_that_comes_twice_is_refused(tmp_path: Path, content: Content) -> None:
    text = json.dumps(content)[:-1] + ', "classes": 100}'
    assert "'classes' comes twice" in refused(written(tmp_path, text)).reason


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    path.write_bytes(b"\xff\xfe\x00\x00")
    refused(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.json")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path)


def test_all_faults_are_told_at_once(tmp_path: Path, content: Content) -> None:
    content["classes"] = 0
    content["stem"]["kernel"] = 2
    content["head"] = {}
    reason = refused(written(tmp_path, json.dumps(content))).reason
    assert all(place in reason for place in ("classes", "stem.kernel", "head.hidden_channels"))


def test_an_unknown_choice_is_answered_with_the_known_ones(tmp_path: Path, content: Content) -> None:
    content["choice_sets"]["plain"] = ["k3_e2"]
    reason = refused(written(tmp_path, json.dumps(content))).reason
    assert "k3_e2" in reason
    assert "k3_e1, k5_e3, k3_e1_g2, skip" in reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_a_space_or_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        chain_space(value)


@given(st.data())
def test_one_field_replaced_by_anything_is_a_space_or_a_value_error(data: st.DataObject) -> None:
    content = small_content()
    target: Any = content
    while isinstance(target, dict | list) and target:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], dict | list) or data.draw(st.booleans()):
            target[key] = data.draw(json_values)
            break
        target = target[key]
    try:
        space = chain_space(content)
    except ValueError:
        return
    assert count_architectures(space) >= 1
    assert space.architecture((0,) * len(space.n_choices)).macs > 0


def small_content() -> Content:
    return {
        "format": "lutnas-chain-space/1",
        "name": "small",
        "description": "",
        "input": [1, 4, 4],
        "classes": 2,
        "choices": {"a": {"kind": "skip"}, "b": {"kind": "inverted_residual", "kernel": 3, "expansion": 1}},
        "choice_sets": {"all": ["a", "b"]},
        "stem": {"out_channels": 2, "kernel": 1, "stride": 1},
        "stages": [{"out_channels": 2, "stride": 1, "layers": ["all", "all"]}],
        "head": {"hidden_channels": 4},
    }
