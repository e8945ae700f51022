"""The catalogue of spaces."""

from __future__ import annotations

import pytest

from search import UnknownSpaceError, count_architectures, known_spaces, load_space


def test_the_catalogue_knows_its_spaces() -> None:
    assert known_spaces() == ("fbnet-cifar10", "tiny-cifar10")


@pytest.mark.parametrize("name", known_spaces())
def test_a_space_has_the_name_of_its_file(name: str) -> None:
    assert load_space(name).name == name


def test_the_shipped_spaces_have_the_promised_sizes() -> None:
    assert count_architectures(load_space("fbnet-cifar10")) >= 10**9
    assert 27 <= count_architectures(load_space("tiny-cifar10")) <= 81


@pytest.mark.parametrize(
    "name", ["", "cifar", "../catalogue/tiny-cifar10", "tiny-cifar10.json", "x" * 10_000, "tiny\0"]
)
def test_an_unknown_space_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownSpaceError, match=r"Known spaces: fbnet-cifar10, tiny-cifar10\.") as caught:
        load_space(name)
    assert caught.value.space == name
    assert len(str(caught.value)) < 200
