"""Tables in the YAML layout of ProxylessNAS and once-for-all: what is read, what is left out, what is refused."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_tables import OperatorKey, TableImportError, read_block_yaml

BLOCK = "expanded_conv-input:56x56x24-output:28x28x40-expand:{expand}-kernel:5-stride:2-idskip:0"
MOBILE = BLOCK + "-se:{se}-hs:{hs}"
OPERATOR = "inverted_residual in=24x56x56 out=40x28x28 expansion={} groups=1 kernel=5 stride=2"
SAME = "expanded_conv-input:28x28x40-output:28x28x40-expand:3-kernel:3-stride:1-idskip:{}"

PROXYLESS = """\
Conv-input:224x224x3-output:112x112x32: {count: 40, mean: 3.5, var: 0.01}
expanded_conv-input:56x56x24-output:28x28x40-expand:3-kernel:5-stride:2-idskip:0:
  count: 40
  mean: 1.25
  samples: [1.2, {deep: [1.3]}]
expanded_conv-input:28x28x40-output:28x28x40-expand:6-kernel:7-stride:1-idskip:1: {mean: 9e-1}
Conv_1-input:7x7x160-output:7x7x1280: {mean: 0.75}
Logits-input:7x7x1280-output:1000: {mean: 0.5}
"""


def read(text: str | bytes) -> dict[str, float]:
    rows = read_block_yaml(text if isinstance(text, bytes) else text.encode(), "lut.yaml")
    return {str(key): ms for key, ms in rows.operator_ms.items()}


def left_out(text: str) -> list[str]:
    return [fault.reason for fault in read_block_yaml(text.encode(), "lut.yaml").left_out]


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(TableImportError) as raised:
        read(text)
    assert raised.value.path == "lut.yaml"
    assert str(raised.value).startswith("lut.yaml was not imported:")
    return [str(fault) for fault in raised.value.faults]


def table(*keys: str) -> str:
    return "".join(f"{key}: {{mean: 1.5}}\n" for key in keys)


def test_every_kind_of_row_becomes_its_operator() -> None:
    assert read(PROXYLESS) == {
        "stem in=3x224x224 out=32x112x112 kernel=3 stride=2": 3.5,
        "inverted_residual in=24x56x56 out=40x28x28 expansion=3 groups=1 kernel=5 stride=2": 1.25,
        "inverted_residual in=40x28x28 out=40x28x28 expansion=6 groups=1 kernel=7 stride=1": 0.9,
        "head in=160x7x7 out=1000x1x1 hidden=1280": 1.25,
    }


def test_no_fixed_cost_is_made_up() -> None:
    rows = read_block_yaml(PROXYLESS.encode(), "lut.yaml")
    assert (rows.fixed_ms, rows.covers, rows.left_out) == (None, frozenset(), ())
    assert "no fixed cost" in rows.notes


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"# a comment\n", b"---\n"])
def test_harmless_beginnings(prefix: bytes) -> None:
    assert len(read(prefix + PROXYLESS.encode())) == 4


def test_a_head_may_have_its_pooling_as_a_row() -> None:
    text = """\
Conv_1-input:4x4x32-output:4x4x64: {mean: 0.5}
AvgPool2D-input:4x4x64-output:1x1x64: {mean: 0.25}
Logits-input:1x1x64-output:10: {mean: 0.125}
"""
    assert read(text) == {"head in=32x4x4 out=10x1x1 hidden=64": 0.875}


def test_heads_that_share_rows() -> None:
    keys = ("Conv_1-input:4x4x32-output:4x4x64", "Conv_1-input:4x4x48-output:4x4x64")
    heads = read(table(*keys, "Logits-input:4x4x64-output:10"))
    assert heads == {f"head in={channels}x4x4 out=10x1x1 hidden=64": 3.0 for channels in (32, 48)}


def test_a_small_file_makes_no_millions_of_heads() -> None:
    keys = [f"Conv_1-input:4x4x{n}-output:4x4x64" for n in range(1, 4001)]
    keys += [f"Logits-input:4x4x64-output:{n}" for n in range(1, 4001)]
    assert refused(table(*keys)) == ["the file: its Conv_1 and Logits rows make more than 10,000 heads"]


def test_a_network_whose_last_map_is_one_pixel_needs_no_pooling() -> None:
    keys = (
        "Conv_1-input:1x1x32-output:1x1x64",
        "AvgPool2D-input:1x1x64-output:1x1x64",
        "Logits-input:1x1x64-output:10",
    )
    assert read(table(*keys)) == {"head in=32x1x1 out=10x1x1 hidden=64": 3.0}
    assert len(left_out(table(*keys))) == 1


@pytest.mark.parametrize(
    "rows",
    [
        ("Conv_1-input:4x4x32-output:4x4x64",),
        ("Conv_1-input:4x4x32-output:4x4x64", "Logits-input:4x4x65-output:10"),
        ("Conv_1-input:4x4x32-output:2x2x64", "Logits-input:2x2x64-output:10"),
        ("Conv_1-input:4x4x32-output:4x4x64", "Logits-input:1x1x64-output:10"),
        (
            "Conv_1-input:4x4x32-output:4x4x64",
            "AvgPool2D-input:4x4x64-output:1x1x64",
            "Conv_2-input:1x1x64-output:1x1x80",
            "Logits-input:1x1x80-output:10",
        ),
    ],
)
def test_rows_that_make_no_head_are_named(rows: tuple[str, ...]) -> None:
    assert len(read(table(*rows, BLOCK.format(expand=3)))) == 1
    assert left_out(table(*rows, BLOCK.format(expand=3))) == [
        "is part of no head here: a 1x1 convolution, pooling, a classifier"
    ] * len(rows)


@pytest.mark.parametrize(("expand", "expansion"), [(72, 3), (144, 6)])
def test_once_for_all_counts_middle_channels(expand: int, expansion: int) -> None:
    assert read(table(MOBILE.format(expand=expand, se=0, hs=0))) == {OPERATOR.format(expansion): 1.5}


def test_ratios_are_read_as_such_where_all_are_smaller_than_the_channels() -> None:
    both = read(table(*(MOBILE.format(expand=expand, se=0, hs=0) for expand in (3, 6))))
    assert both == {OPERATOR.format(expansion): 1.5 for expansion in (3, 6)}


def test_ratios_and_channels_in_one_file_are_not_guessed() -> None:
    text = table(MOBILE.format(expand=72, se=0, hs=0), MOBILE.format(expand=6, se=0, hs=0))
    assert read(text) == {OPERATOR.format(3): 1.5}
    assert left_out(text) == ["its 6 middle channels are no multiple of its 24 input channels"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (MOBILE.format(expand=72, se=1, hs=0), "has squeeze-excitation, which no operator here has"),
        (MOBILE.format(expand=72, se=0, hs=1), "has h-swish, which no operator here has"),
        (MOBILE.format(expand=72, se=1, hs=1), "has squeeze-excitation and h-swish, which no operator here has"),
        (MOBILE.format(expand=60, se=0, hs=0), "its 60 middle channels are no multiple of its 24 input channels"),
        (MOBILE.format(expand=24, se=0, hs=0), "expands by 1, which here is a 1x1 convolution and there none"),
        (BLOCK.format(expand=1), "expands by 1, which here is a 1x1 convolution and there none"),
        (SAME.format(0), "has no identity, which here every block of unchanged shape has"),
        (BLOCK.format(expand=3).replace("kernel:5", "kernel:4"), "has an even kernel"),
    ],
)
def test_blocks_that_compute_something_else_are_left_out(key: str, words: str) -> None:
    assert left_out(table(key, SAME.format(1))) == [words]
    assert len(read(table(key, SAME.format(1)))) == 1


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("expanded_conv", "is no key of this layout"),
        ("expanded_conv-input:56x56x24-output:28x28x40", "is no key of this layout"),
        (BLOCK.format(expand=3) + "-se:0", "is no key of this layout"),
        (MOBILE.format(expand=3, se=2, hs=0), "is no key of this layout"),
        (BLOCK.format(expand=0), "is no key of this layout"),
        (BLOCK.format(expand=-3), "is no key of this layout"),
        (BLOCK.format(expand=3).replace("56x56x24", "56x24"), "is no key of this layout"),
        (BLOCK.format(expand=3).replace("56x56x24", "56x56x0"), "is no key of this layout"),
        (BLOCK.format(expand=3).replace("56x56x24", "56x56x999999"), "is no key of this layout"),
        (BLOCK.format(expand="\u0663"), "is no key of this layout"),
        ("Conv-input:32x32x3-output:16x16x8-kernel:3", "is no key of this layout"),
        ("MaxPool-input:32x32x3-output:16x16x8", "is no key of this layout"),
        ("", "is no key of this layout"),
        (BLOCK.format(expand=3).replace("28x28", "27x28"), "does not follow"),
        (BLOCK.format(expand=3).replace("stride:2", "stride:3"), "does not follow"),
        (BLOCK.format(expand=3).replace("idskip:0", "idskip:1"), "their shapes differ"),
        ("Conv-input:32x32x3-output:33x33x8", "no stride makes its output size"),
        ("Conv-input:32x32x3-output:16x8x8", "no stride makes its output size"),
    ],
)
def test_a_key_that_cannot_be_right_is_refused(key: str, words: str) -> None:
    (fault,) = refused(f"{SAME.format(1)}: {{mean: 1}}\n? '{key}'\n: {{mean: 1}}\n")
    assert fault.startswith("line 2")
    assert key[:120] in fault
    assert words in fault


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        ("{}", "has no mean"),
        ("{median: 1}", "has no mean"),
        ("{mean: }", "has no mean"),
        ("{mean: ~}", "not a number"),
        ("{mean: '1.5'}", "in quotes"),
        ("{mean: fast}", "not a number"),
        ("{mean: true}", "not a number"),
        ("{mean: [1]}", "not a number"),
        ("{mean: {a: 1}}", "not a number"),
        ("{mean: 1_000}", "not a number"),
        ("{mean: 0x10}", "not a number"),
        ("{mean: .nan}", "not a number"),
        ("{mean: .inf}", "not a number"),
        ("{mean: 1e999}", "out of range"),
        ("{mean: 0}", "must be above 0"),
        ("{mean: 0.0}", "must be above 0"),
        ("{mean: 1e-999}", "must be above 0"),
        ("{mean: -1.5}", "must be above 0"),
        ("{mean: 1e6}", "another unit"),
        ("{mean: 10001}", "another unit"),
        ("{mean: 1, mean: 2}", "'mean' twice"),
        ("1.5", "has no fields"),
        ("[1.5]", "has no fields"),
        ("", "has no fields"),
    ],
)
def test_a_row_without_a_plausible_mean_is_refused(mean: str, words: str) -> None:
    faults = refused(f"{SAME.format(1)}: {{mean: 1}}\n{BLOCK.format(expand=3)}: {mean}\n")
    assert [fault for fault in faults if words in fault and fault.startswith(f"line 2, {BLOCK.format(expand=3)}")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "must be one mapping"),
        (b"# only a comment\n", "must be one mapping"),
        (b"{}", "has no blocks"),
        (b"- 1\n- 2\n", "must be one mapping"),
        (b"just words", "must be one mapping"),
        (b"[" * 50_000, "must be one mapping"),
        (b"a: " + b"{b: " * 50_000, "nested too deeply"),
        (b"a: {mean: " + b"[" * 50_000, "nested too deeply"),
        (b"a: {mean: 1", "is no YAML"),
        (b"a: {mean: 1}}\n", "is no YAML"),
        (b"\tx: 1\n", "is no YAML"),
        (b"a: b: c\n", "is no YAML"),
        (b"a\x00: {mean: 1}", "is no YAML"),
        (b"\xff\xfe", "not UTF-8"),
        ("a: {mean: 1}".encode("utf-16"), "not UTF-8"),
        (b"a: &x {mean: 1}\nb: *x\n", "anchors and aliases"),
        (b"a: {mean: 1}\n<<: *a\n", "anchors and aliases"),
        (b"a: !!python/object/apply:os.system [ls]\n", "tags are not read"),
        (b"a: {mean: !!float 1}\n", "tags are not read"),
        (b"a: !own {mean: 1}\n", "tags are not read"),
        (b"? [a]\n: {mean: 1}\n", "a key must be a text"),
        (b"a: {[b]: 1}\n", "a key must be a text"),
        (b"a: {mean: 1}\n---\nb: {mean: 1}\n", "second document"),
        (b"%YAML 9.9\n---\na: {mean: 1}\n", "is no YAML"),
        (b" " * (8 * 2**20 + 1), "is larger than"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_such_table_is_refused(text: bytes, words: str) -> None:
    assert words in " ".join(refused(text))


def test_aliases_multiply_nothing() -> None:
    bombs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert refused(f"a0: &a0 [x]\n{bombs}") == [
        "line 1: anchors and aliases (& and *) are not read; write the values out"
    ]


@pytest.mark.parametrize("second", [BLOCK.format(expand=3), f'"{BLOCK.format(expand=3)}"'])
def test_a_key_twice_is_refused(second: str) -> None:
    (fault,) = refused(f"{BLOCK.format(expand=3)}: {{mean: 1}}\n{second}: {{mean: 1}}\n")
    assert fault == f"line 2, {BLOCK.format(expand=3)}: stands in line 1, too; remove one"


def test_two_keys_of_one_operator_are_refused() -> None:
    (fault,) = refused(table(BLOCK.format(expand=3), MOBILE.format(expand=72, se=0, hs=0)))
    assert "is the same operator as line 1" in fault


def test_all_faults_come_at_once_in_the_order_of_the_lines() -> None:
    text = "".join(
        f"{BLOCK.format(expand=expand)}: {{mean: -1}}\nbad{expand}: {{mean: 1}}\n" for expand in range(2, 30)
    )
    with pytest.raises(TableImportError) as raised:
        read(text)
    assert [fault.line for fault in raised.value.faults] == list(range(1, 57))
    assert str(raised.value).count("\n  line ") == 20
    assert str(raised.value).endswith("and 36 more")


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    (fault,) = refused(b'"\\e[31mred": {mean: 1}\n')
    assert "\x1b" not in fault
    assert "[31mred" in fault


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_both_parsers_of_yaml_agree(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latency_tables.importers.block_yaml._LOADER", getattr(yaml, loader))
    assert len(read(PROXYLESS)) == 4
    for text in (b"a: {mean: 1", b"a: &x {mean: 1}", b"a: !x {mean: 1}", b"a: {mean: '1'}", b"\x00"):
        refused(text)


ALPHABET = st.sampled_from(["-", ":", "x", "0", "9", "{", "}", "\n", " ", "&", "*", "!", "'", '"', "\t", "é", "\x00"])
PLACES = st.integers(0, len(PROXYLESS) - 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(PLACES, st.integers(0, 3), ALPHABET), min_size=1, max_size=4))
def test_whatever_is_changed_is_read_or_refused(changes: list[tuple[int, int, str]]) -> None:
    text = PROXYLESS
    for place, cut, put in changes:
        text = text[:place] + put + text[place + cut :]
    operator_ms: Mapping[OperatorKey, float] = {}
    with contextlib.suppress(TableImportError):
        operator_ms = read_block_yaml(text.encode(), "lut.yaml").operator_ms
    assert all(0 < ms <= 20_000 for ms in operator_ms.values())
    assert all(OperatorKey.parse(str(key)) == key for key in operator_ms)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_rows_changes_nothing(order: tuple[int, ...]) -> None:
    rows = [
        "Logits-input:4x4x64-output:10: {mean: 1}\n",
        "Conv_1-input:4x4x32-output:4x4x64: {mean: 2}\n",
        f"{BLOCK.format(expand=3)}: {{mean: 3}}\n",
    ]
    assert read("".join(rows[place] for place in order)) == read("".join(rows))
