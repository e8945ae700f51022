"""Genomes: whatever is no row of integers in range is refused, with its row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import GenomeError
from search.space.base import check_genomes, count_architectures, one_hot, random_genomes
from search.space.chain import ChainSpace

GOOD = [0, 1, 2, 0]


@pytest.mark.parametrize(
    "rows",
    [
        [GOOD, [2, 2, 2, 2]],
        (tuple(GOOD), (2, 2, 2, 2)),
        [np.array(GOOD), [2, 2, 2, 2]],
        np.array([GOOD, [2, 2, 2, 2]]),
        np.array([GOOD, [2, 2, 2, 2]], dtype=np.uint8),
        np.array([GOOD, [2, 2, 2, 2]], dtype=object),
        [[np.int32(0), np.uint64(1), 2, 0], [2, 2, 2, 2]],
        (row for row in ([0, 1, 2, 0], [2, 2, 2, 2])),
    ],
)
def test_every_way_to_write_integers_is_read(tiny: ChainSpace, rows: list[list[int]]) -> None:
    checked = check_genomes(tiny, rows)
    assert checked.dtype == np.int64
    assert checked.tolist() == [GOOD, [2, 2, 2, 2]]


@pytest.mark.parametrize("rows", [[], (), np.empty((0, 4), dtype=np.int64), np.empty((0, 0), dtype=np.int64)])
def test_no_genomes_are_no_rows(tiny: ChainSpace, rows: list[list[int]]) -> None:
    assert check_genomes(tiny, rows).shape == (0, 4)


@pytest.mark.parametrize(
    "genome",
    [
        [],
        [0, 1, 2],
        [0, 1, 2, 0, 0],
        [[0, 1, 2, 0]],
        [0, 1, [2], 0],
        [0, 1, [2, 0]],
        [0.0, 1.0, 2.0, 0.0],
        [0, 1, 2.5, 0],
        [0, 1, float("nan"), 0],
        [0, 1, float("inf"), 0],
        [False, True, True, False],
        [0, True, 2, 0],
        ["0", "1", "2", "0"],
        [0, "1", 2, 0],
        [0, None, 2, 0],
        "0120",
        b"\x00\x01\x02\x00",
        {0: 0, 1: 1, 2: 2, 3: 0},
        None,
        7,
        np.array(GOOD, dtype=float),
        np.array(GOOD, dtype=bool),
        np.array([GOOD]),
        np.array(3),
    ],
)
def test_a_row_that_is_no_row_of_integers_is_refused(tiny: ChainSpace, genome: object) -> None:
    with pytest.raises(GenomeError, match="needs 4 integers, one per gene of tiny-cifar10") as caught:
        check_genomes(tiny, [GOOD, genome])
    assert caught.value.row == 1


@pytest.mark.parametrize("gene", [-1, 3, 255, 2**31, 2**63, 2**64, -(2**70), pytest.param(10**5000, id="5001 digits")])
def test_a_gene_out_of_range_is_refused(tiny: ChainSpace, gene: int) -> None:
    with pytest.raises(GenomeError, match=r"gene 2 \(layer3\) must be from 0 to 2") as caught:
        check_genomes(tiny, [GOOD, GOOD, [0, 1, gene, 0]])
    assert caught.value.row == 2
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("dtype", "gene"), [(np.int64, -1), (np.int8, 100), (np.uint64, 2**64 - 1), (np.int64, 3)])
def test_a_matrix_with_a_gene_out_of_range_is_refused(tiny: ChainSpace, dtype: type, gene: int) -> None:
    matrix = np.zeros((5, 4), dtype=dtype)
    matrix[3, 1] = gene
    with pytest.raises(GenomeError, match=r"gene 1 \(layer2\)") as caught:
        check_genomes(tiny, matrix)
    assert caught.value.row == 3


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((2, 3), dtype=int), np.zeros((2, 4)), np.zeros((2, 4), dtype=bool), np.zeros((2, 4, 1), dtype=int)],
)
def test_a_matrix_of_another_shape_or_type_is_refused(tiny: ChainSpace, matrix: np.ndarray) -> None:
    with pytest.raises(GenomeError, match="needs 4 integers") as caught:
        check_genomes(tiny, matrix)
    assert caught.value.row == 0


def places(error: GenomeError) -> list[tuple[int, int | None]]:
    return [(fault.row, fault.gene) for fault in error.faults]


@pytest.mark.parametrize("as_given", [list, np.array])
def test_every_gene_out_of_range_is_named(tiny: ChainSpace, as_given: Callable[[list[list[int]]], object]) -> None:
    with pytest.raises(GenomeError, match=r"Genome 1: gene 0 .* and 2 more") as caught:
        check_genomes(tiny, as_given([GOOD, [9, 1, -1, 0], GOOD, [0, 0, 0, 9]]))
    assert places(caught.value) == [(1, 0), (1, 2), (3, 3)]
    assert "layer4" in caught.value.faults[2].reason


def test_rows_and_genes_at_fault_are_named_together(tiny: ChainSpace) -> None:
    with pytest.raises(GenomeError) as caught:
        check_genomes(tiny, [[0], GOOD, [0, 1, 2, 9]])
    assert places(caught.value) == [(0, None), (2, 3)]


@pytest.mark.parametrize("wrong", [[[9, 9, 9, 9]] * 50, np.full((50, 4), 9), [[0]] * 50, np.zeros((50, 3), dtype=int)])
def test_no_more_than_twenty_faults_are_collected(tiny: ChainSpace, wrong: Iterable[object]) -> None:
    with pytest.raises(GenomeError) as caught:
        check_genomes(tiny, wrong)
    assert len(caught.value.faults) == 20


def test_one_genome_is_not_a_list_of_genomes(tiny: ChainSpace) -> None:
    with pytest.raises(GenomeError, match="Genome 0: needs 4 integers"):
        check_genomes(tiny, GOOD)


def test_the_checked_rows_are_a_copy(tiny: ChainSpace) -> None:
    rows = np.array([GOOD])
    check_genomes(tiny, rows)[0, 0] = 2
    assert rows.tolist() == [GOOD]


@pytest.mark.parametrize("genome", [(0, 1, 2), (0, 1, 2, 3), (0, 1, 2.0, 0), (True, 1, 2, 0), "0120", np.zeros(4)])
def test_an_architecture_needs_a_genome_of_its_space(tiny: ChainSpace, genome: tuple[int, ...]) -> None:
    with pytest.raises(GenomeError):
        tiny.architecture(genome)


@given(rows=st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), max_size=6))
def test_rows_and_matrix_are_checked_alike(tiny: ChainSpace, rows: list[list[int]]) -> None:
    matrix = np.array(rows, dtype=np.int64).reshape(len(rows), 4)
    assert check_genomes(tiny, rows).tolist() == check_genomes(tiny, matrix).tolist() == rows


def test_random_genomes_are_in_range_and_repeatable(fbnet: ChainSpace) -> None:
    genomes = random_genomes(fbnet, 2000, np.random.default_rng(3))
    assert genomes.shape == (2000, 13)
    assert np.array_equal(check_genomes(fbnet, genomes), genomes)
    assert np.array_equal(random_genomes(fbnet, 2000, np.random.default_rng(3)), genomes)
    assert np.array_equal(genomes.min(axis=0), np.zeros(13))
    assert np.array_equal(genomes.max(axis=0), fbnet.n_choices - 1)


def test_random_genomes_are_uniform(tiny: ChainSpace) -> None:
    genomes = random_genomes(tiny, 30_000, np.random.default_rng(0))
    shares = np.array([(genomes == choice).mean(axis=0) for choice in range(3)])
    assert np.allclose(shares, 1 / 3, atol=0.01)


def test_no_random_genomes(tiny: ChainSpace) -> None:
    assert random_genomes(tiny, 0, np.random.default_rng(0)).shape == (0, 4)


def test_the_number_of_architectures_is_exact(tiny: ChainSpace, fbnet: ChainSpace) -> None:
    assert count_architectures(tiny) == 81
    assert count_architectures(fbnet) == math.prod(len(names) for names in fbnet.choice_names) >= 10**9


def test_one_hot_by_hand(tiny: ChainSpace) -> None:
    encoded = one_hot(tiny, np.array([GOOD, [2, 2, 2, 2]]))
    assert encoded.tolist() == [[1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], [0, 0, 1] * 4]


def test_one_hot_marks_each_gene_once(fbnet: ChainSpace) -> None:
    genomes = random_genomes(fbnet, 50, np.random.default_rng(1))
    encoded = one_hot(fbnet, genomes)
    assert encoded.shape == (50, int(fbnet.n_choices.sum()))
    assert np.array_equal(encoded.sum(axis=1), np.full(50, 13.0))
    assert len(np.unique(encoded, axis=0)) == len(np.unique(genomes, axis=0))


def test_one_hot_of_nothing(tiny: ChainSpace) -> None:
    assert one_hot(tiny, np.empty((0, 4), dtype=np.int64)).shape == (0, 12)
