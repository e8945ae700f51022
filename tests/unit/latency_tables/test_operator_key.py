"""The canonical text of an operator key: written, read back, refused when anyone else wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_tables import LatencyTableError, OperatorKey, OperatorKeyError

TEXT = "inverted_residual in=16x32x32 out=24x16x16 expansion=6 groups=1 kernel=3 stride=2"
KEY = OperatorKey(
    "inverted_residual", (16, 32, 32), (24, 16, 16), (("expansion", 6), ("groups", 1), ("kernel", 3), ("stride", 2))
)

sizes = st.integers(0, 10**6)
shapes = st.tuples(sizes, sizes, sizes)
kinds = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
attribute_names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
keys = st.builds(
    OperatorKey,
    kinds,
    shapes,
    shapes,
    st.dictionaries(attribute_names, st.integers(0, 1000), max_size=6).map(lambda pairs: tuple(pairs.items())),
)


def test_canonical_text() -> None:
    assert str(KEY) == TEXT


def test_a_key_without_attributes() -> None:
    assert str(OperatorKey("pool", (8, 4, 4), (8, 1, 1))) == "pool in=8x4x4 out=8x1x1"


def test_the_order_of_attributes_does_not_matter() -> None:
    backwards = OperatorKey(KEY.kind, KEY.in_shape, KEY.out_shape, KEY.attributes[::-1])
    assert backwards == KEY
    assert hash(backwards) == hash(KEY)
    assert str(backwards) == TEXT


@given(keys)
def test_reading_undoes_writing(key: OperatorKey) -> None:
    assert OperatorKey.parse(str(key)) == key


@given(keys, keys)
def test_different_keys_have_different_texts(one: OperatorKey, other: OperatorKey) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(st.lists(keys, max_size=8))
def test_keys_can_be_sorted(several: list[OperatorKey]) -> None:
    assert sorted(sorted(several), reverse=True) == sorted(several, reverse=True)


@given(st.text(max_size=400))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = OperatorKey.parse(text)
    except OperatorKeyError:
        return
    assert str(key) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "stem",
        "stem in=3x32x32",
        "stem out=3x32x32 in=3x32x32",
        "stem  in=3x32x32 out=8x16x16",
        " stem in=3x32x32 out=8x16x16",
        "stem in=3x32x32 out=8x16x16 ",
        "stem in=3x32x32 out=8x16x16\n",
        "Stem in=3x32x32 out=8x16x16",
        "1stem in=3x32x32 out=8x16x16",
        "stem in=3x32 out=8x16x16",
        "stem in=3x32x32x1 out=8x16x16",
        "stem in=3xx32x32 out=8x16x16",
        "stem in=x3x32x32 out=8x16x16",
        "stem in=03x32x32 out=8x16x16",
        "stem in=-3x32x32 out=8x16x16",
        "stem in=3.0x32x32 out=8x16x16",
        "stem in=٣x32x32 out=8x16x16",
        "stem in=3x32x32 out=8x16x16 stride=2 kernel=3",
        "stem in=3x32x32 out=8x16x16 kernel=3 kernel=5",
        "stem in=3x32x32 out=8x16x16 kernel=3 kernel=3",
        "stem in=3x32x32 out=8x16x16 kernel=",
        "stem in=3x32x32 out=8x16x16 kernel=+3",
        "stem in=3x32x32 out=8x16x16 kernel=03",
        "stem in=3x32x32 out=8x16x16 kernel=3.5",
        "stem in=3x32x32 out=8x16x16 kernel=NaN",
        "stem in=3x32x32 out=8x16x16, kernel=3",
        "stem in=" + "9" * 5000 + "x32x32 out=8x16x16",
        "stem in=3x32x32 out=8x16x16" + " kernel=3" * 100_000,
    ],
)
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(OperatorKeyError) as caught:
        OperatorKey.parse(text)
    assert caught.value.text == text
    assert isinstance(caught.value, LatencyTableError)


def test_the_message_shows_the_right_form_and_little_of_the_wrong_one() -> None:
    with pytest.raises(OperatorKeyError, match="Write it like 'inverted_residual in=16x32x32") as caught:
        OperatorKey.parse("z" * 10_000)
    assert len(str(caught.value)) < 400
