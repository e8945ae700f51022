"""Where a latency goes: rows that sum to the total."""

from __future__ import annotations

import math

import numpy as np
import pytest

from latency_tables import MissingOperatorError
from search import ChainSpace, latency_breakdown, random_genomes, score
from tests.unit.search.fakes import FakeTable, fake_resources


def test_rows_are_the_fixed_cost_and_the_blocks(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 1, 2, 1))
    rows = latency_breakdown(architecture, FakeTable())
    assert [row.position for row in rows] == ["fixed", *architecture.positions]
    assert [row.label for row in rows[1:]] == [block.label for block in architecture.blocks]
    assert (rows[0].operator, rows[0].latency_ms) == (None, 1.0)
    operators = [row.operator for row in rows if row.operator is not None]
    assert operators == [str(key) for key in architecture.operator_keys]


@pytest.mark.parametrize("with_neighbours", [False, True])
def test_rows_sum_to_the_latency_that_is_shown(fbnet: ChainSpace, with_neighbours: bool) -> None:
    rng = np.random.default_rng(0)
    keys = [block.operator_key for block in fbnet.operators()]
    pairs = {(first, second): float(rng.normal()) for first in keys for second in keys}
    table = FakeTable(neighbour_ms=pairs if with_neighbours else {})
    genomes = random_genomes(fbnet, 50, rng)
    shown = score(fake_resources(fbnet, tables={"board": table}), genomes).latency_ms["board"]
    for genome, estimate in zip(genomes, shown, strict=True):
        rows = latency_breakdown(fbnet.architecture(genome), table)
        assert math.fsum(row.latency_ms for row in rows) == pytest.approx(estimate.expected, abs=1e-9)
        assert math.fsum(row.share for row in rows) == pytest.approx(1.0, abs=1e-9)


def test_what_neighbours_cost_is_in_the_later_row(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 1, 2, 1))
    first, second = architecture.operator_keys[1:3]
    plain = latency_breakdown(architecture, FakeTable())
    beside = latency_breakdown(architecture, FakeTable(neighbour_ms={(first, second): -0.25}))
    changes = [after.latency_ms - before.latency_ms for before, after in zip(plain, beside, strict=True)]
    assert changes == pytest.approx([0, 0, 0, -0.25, 0, 0, 0])


def test_an_identity_has_a_row_of_nothing(fbnet: ChainSpace) -> None:
    layer = next(number for number, blocks in enumerate(fbnet.layers) if blocks[-1].operator_key is None)
    genome = np.zeros(len(fbnet.n_choices), dtype=np.int64)
    genome[layer] = fbnet.n_choices[layer] - 1
    row = latency_breakdown(fbnet.architecture(genome), FakeTable())[2 + layer]
    assert (row.operator, row.latency_ms, row.share, row.in_fixed) == (None, 0.0, 0.0, False)


def test_an_operator_inside_the_fixed_cost_says_so(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 0, 0, 0))
    stem = architecture.operator_keys[0]
    rows = latency_breakdown(architecture, FakeTable(covers=[stem], broken={stem: 0.0}))
    assert [row.in_fixed for row in rows] == [False, True, *[False] * (len(rows) - 2)]


def test_a_missing_operator_is_named(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 0, 0, 0))
    with pytest.raises(MissingOperatorError, match="board has no row for"):
        latency_breakdown(architecture, FakeTable(absent=architecture.operator_keys[2:3]))


def test_a_table_of_zeros_has_no_shares(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 0, 0, 0))
    rows = latency_breakdown(architecture, FakeTable(fixed_ms=0.0, factor=0.0))
    assert {row.share for row in rows} == {0.0}
