"""A chain space: architectures, operators, and costs summed over many genomes at once."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from latency_tables import OperatorKey, shipped_tables
from search.space.base import random_genomes
from search.space.chain import ChainSpace


def every_genome(space: ChainSpace) -> np.ndarray:
    return np.array(list(itertools.product(*(range(choices) for choices in space.n_choices))), dtype=np.int64)


def test_an_architecture_names_its_blocks(tiny: ChainSpace) -> None:
    architecture = tiny.architecture((0, 1, 2, 0))
    assert architecture.space == "tiny-cifar10"
    assert architecture.genome == (0, 1, 2, 0)
    assert architecture.positions == tiny.positions
    assert [block.label for block in architecture.blocks] == ["stem", "k3_e1_g2", "k5_e3", "skip", "k3_e1", "head"]


def test_rows_and_tuples_make_the_same_architecture(tiny: ChainSpace) -> None:
    assert tiny.architecture(np.array([0, 1, 2, 0])) == tiny.architecture((0, 1, 2, 0))


def test_the_architecture_id_is_a_fingerprint_of_space_and_genome(tiny: ChainSpace) -> None:
    expected = hashlib.sha256(b"tiny-cifar10:0,1,2,0").hexdigest()[:16]
    assert tiny.architecture((0, 1, 2, 0)).architecture_id == expected


def test_architecture_ids_differ(tiny: ChainSpace) -> None:
    assert len({tiny.architecture(genome).architecture_id for genome in every_genome(tiny)}) == 81


def test_the_operators_are_what_a_table_must_cover(tiny: ChainSpace) -> None:
    keys = [block.operator_key for block in tiny.operators()]
    assert len(set(keys)) == len(keys)
    needed = {key for genome in every_genome(tiny) for key in tiny.architecture(genome).operator_keys}
    assert set(keys) == needed
    assert str(keys[0]).startswith("stem ")
    assert str(keys[-1]).startswith("head ")


def test_published_tables_hold_every_operator_of_the_large_space(fbnet: ChainSpace) -> None:
    keys = [block.operator_key for block in fbnet.operators()]
    assert len(keys) == len(set(keys)) > 40
    assert all(OperatorKey.parse(str(key)) == key for key in keys)
    for device in ("raspberry-pi-4", "pixel-3"):
        assert shipped_tables()[device, fbnet.name].missing(keys) == ()


@pytest.mark.parametrize("cost", ["macs", "params"])
def test_a_tabulated_sum_is_the_sum_over_the_blocks(fbnet: ChainSpace, cost: str) -> None:
    genomes = random_genomes(fbnet, 100, np.random.default_rng(5))
    totals = fbnet.tabulate(lambda block: getattr(block, cost)).total(genomes)
    assert totals.shape == (100,)
    assert totals.dtype == np.float64
    assert totals.tolist() == [getattr(fbnet.architecture(genome), cost) for genome in genomes]


def test_a_tabulated_maximum_is_the_maximum_over_the_blocks(fbnet: ChainSpace) -> None:
    genomes = random_genomes(fbnet, 100, np.random.default_rng(6))
    largest = fbnet.tabulate(lambda block: block.peak_activation_bytes).largest(genomes)
    assert largest.tolist() == [fbnet.architecture(genome).peak_activation_bytes for genome in genomes]


@pytest.mark.parametrize("cost", ["macs", "params"])
def test_the_bounds_of_a_sum_are_reached(tiny: ChainSpace, cost: str) -> None:
    costs = tiny.tabulate(lambda block: getattr(block, cost))
    totals = costs.total(every_genome(tiny))
    assert costs.lowest_total() == totals.min()
    assert costs.highest_total() == totals.max()


def test_bounds_of_a_space_whose_layers_have_different_choices(fbnet: ChainSpace) -> None:
    costs = fbnet.tabulate(lambda block: block.macs)
    per_layer = [[block.macs for block in blocks] for blocks in fbnet.layers]
    fixed = fbnet.stem.macs + fbnet.head.macs
    assert costs.lowest_total() == fixed + sum(map(min, per_layer))
    assert costs.highest_total() == fixed + sum(map(max, per_layer))


def test_sums_over_no_genomes(tiny: ChainSpace) -> None:
    costs = tiny.tabulate(lambda block: block.macs)
    nothing = np.empty((0, 4), dtype=np.int64)
    assert costs.total(nothing).shape == (0,)
    assert costs.largest(nothing).shape == (0,)


def test_the_macro_structure_of_the_large_space(fbnet: ChainSpace) -> None:
    """Widths and resolutions are FBNet's in its CIFAR form, with fewer layers per stage."""
    shapes = [blocks[0].out_shape for blocks in fbnet.layers]
    assert fbnet.stem.out_shape == (16, 32, 32)
    assert [shape[0] for shape in shapes] == [16, 24, 32, 32, 64, 64, 64, 112, 112, 184, 184, 184, 352]
    assert [shape[1] for shape in shapes] == [32, 32, 16, 16, 8, 8, 8, 8, 8, 4, 4, 4, 4]
    assert fbnet.head.in_shape == (352, 4, 4)
    assert (fbnet.head.hidden_channels, fbnet.classes) == (1504, 10)


def test_a_layer_of_the_large_space_can_be_left_out_where_the_shape_is_unchanged(fbnet: ChainSpace) -> None:
    for blocks in fbnet.layers:
        unchanged = blocks[0].in_shape == blocks[0].out_shape
        assert unchanged == any(block.operator_key is None for block in blocks)
