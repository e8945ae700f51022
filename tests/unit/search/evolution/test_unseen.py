"""Fresh genomes when mating finds none."""

from __future__ import annotations

import numpy as np
import pytest

from search.evolution.unseen import SeenGenomes

SMALL = np.array([3, 2, 4])
LARGE = np.full(20, 9)


def everything(n_choices: np.ndarray) -> np.ndarray:
    return np.stack(np.unravel_index(np.arange(n_choices.prod()), n_choices), axis=1)


def test_rows_that_were_seen_or_repeat_are_marked() -> None:
    seen = SeenGenomes(SMALL)
    seen.add(np.array([[0, 0, 0], [1, 1, 1]]))
    genomes = np.array([[1, 1, 1], [2, 1, 3], [0, 1, 0], [2, 1, 3]])
    assert seen.repeated(genomes).tolist() == [True, False, False, True]


def test_marking_does_not_remember() -> None:
    seen = SeenGenomes(SMALL)
    assert not seen.repeated(np.array([[1, 1, 1]])).any()
    assert not seen.repeated(np.array([[1, 1, 1]])).any()


@pytest.mark.parametrize("n_choices", [SMALL, LARGE], ids=["small", "large"])
def test_drawn_genomes_are_distinct_unseen_and_in_range(n_choices: np.ndarray) -> None:
    seen, rng = SeenGenomes(n_choices), np.random.default_rng(0)
    first = seen.draw(10, rng)
    seen.add(first)
    second = seen.draw(10, rng)
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 20
    assert ((second >= 0) & (second < n_choices)).all()
    assert second.dtype == np.int64


def test_a_small_space_is_drawn_to_its_last_genome_and_no_further() -> None:
    seen, rng = SeenGenomes(SMALL), np.random.default_rng(1)
    drawn = []
    for asked, expected in ((10, 10), (10, 10), (10, 4), (10, 0)):
        genomes = seen.draw(asked, rng)
        assert len(genomes) == expected
        seen.add(genomes)
        drawn.append(genomes)
    assert sorted(np.concatenate(drawn).tolist()) == everything(SMALL).tolist()


def test_the_last_unseen_genome_is_found() -> None:
    seen = SeenGenomes(SMALL)
    seen.add(np.delete(everything(SMALL), 17, axis=0).astype(np.int64))
    assert seen.draw(5, np.random.default_rng(2)).tolist() == [everything(SMALL)[17].tolist()]


def test_drawing_follows_its_generator() -> None:
    first, second = (SeenGenomes(SMALL).draw(8, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_what_was_seen_first_does_not_change_what_is_drawn() -> None:
    genomes = everything(SMALL)[:9].astype(np.int64)
    forwards, backwards = SeenGenomes(SMALL), SeenGenomes(SMALL)
    forwards.add(genomes)
    backwards.add(genomes[::-1])
    draws = [seen.draw(5, np.random.default_rng(4)).tolist() for seen in (forwards, backwards)]
    assert draws[0] == draws[1]
