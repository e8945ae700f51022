"""How genomes of chains, tables and cells become numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from search import ChainSpace, GenomeError, random_genomes
from search.predictor.cell_encoding import CellEncoding, cell_encoding
from search.predictor.choices import Choice, read_choices
from search.predictor.costs import known_costs, no_costs
from search.predictor.encoding import fit_encoding
from search.predictor.gene_encoding import GeneEncoding, gene_encoding
from search.space.base import Genomes
from search.space.tabular import TabularSpace
from tests.unit.search.fakes import all_genomes

EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
OPERATORS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, ONE, THREE, POOL = range(5)


@dataclass(frozen=True)
class Named:
    """A space of which only names are known."""

    choice_names: tuple[tuple[str, ...], ...]
    gene_names: tuple[str, ...] = ()
    name: str = "named"
    n_choices: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_choices", np.array([len(names) for names in self.choice_names]))
        names = self.gene_names or tuple(f"layer{place}" for place in range(len(self.choice_names)))
        object.__setattr__(self, "gene_names", names)


CELL = Named((OPERATORS,) * 6, EDGES)


@pytest.fixture(scope="module")
def cell() -> CellEncoding:
    made = cell_encoding(CELL, all_genomes(CELL))
    assert made is not None
    return made


def table(space: Named, **columns: np.ndarray) -> TabularSpace:
    return TabularSpace(
        space.name, space.n_choices, space.gene_names, space.choice_names, all_genomes(space), columns, {}
    )


def gene(names: tuple[str, ...], genes: int = 1) -> GeneEncoding:
    return gene_encoding(Named((names,) * genes), no_costs)


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("identity", Choice(None)),
        ("Skip_Connect", Choice(None)),
        ("mb6_k5", Choice("", {"mb": 6.0, "k": 5.0})),
        ("k3_e1_g2", Choice("", {"k": 3.0, "e": 1.0, "g": 2.0})),
        ("64", Choice("", {"": 64.0})),
        ("attention", Choice("attention")),
    ],
)
def test_names_are_read_as_numbers_and_kinds(name: str, choice: Choice) -> None:
    assert read_choices(Named(((name,),)))[0][0] == choice


def test_blocks_of_a_chain_say_themselves_what_they_are(fbnet: ChainSpace) -> None:
    names, choices = fbnet.choice_names[0], read_choices(fbnet)[0]
    found = dict(zip(names, choices, strict=True))
    assert found["k5_e3"].numbers == {"expansion": 3.0, "groups": 1.0, "kernel": 5.0}
    assert found["skip"] == Choice(None)


def test_a_column_is_a_step_of_a_number() -> None:
    columns = gene(("8", "16", "32"))(np.array([[0], [1], [2]])).columns
    assert columns.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_numbers_that_always_step_together_are_one_column() -> None:
    columns = gene(("identity", "mb3_k3", "mb6_k5"))(np.array([[0], [1], [2]])).columns
    assert columns.tolist() == [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize("names", [("a", "b", "c"), ("up", "up2", "down2"), ("x1", "y1"), ("none", "skip", "conv")])
def test_choices_that_differ_have_columns_that_differ(names: tuple[str, ...]) -> None:
    columns = gene(names)(np.arange(len(names))[:, None]).columns
    assert len(np.unique(columns, axis=0)) == len(names)


def test_a_column_belongs_to_its_gene_and_to_its_number() -> None:
    made = gene(("identity", "k3_e3", "k5_e3", "k5_e6"), genes=2)
    assert made.membership.sum(axis=1).tolist() == [2.0] * len(made.membership)
    assert made.membership[:, :2].sum(axis=0).tolist() == [3.0, 3.0]


def test_sums_count_what_a_network_has_and_where() -> None:
    made = gene(("identity", "k3", "k5"), genes=3)
    summaries = made(np.array([[1, 1, 2], [2, 1, 1]])).summaries
    assert summaries[:, :2].tolist() == [[3, 1], [3, 1]] or summaries[:, :2].tolist() == [[1, 3], [1, 3]]
    assert sorted(summaries[0, 2:]) == [0, 1]
    assert sorted(summaries[1, 2:]) == [-1, 0]


def test_a_space_of_one_gene_with_one_choice_has_an_encoding() -> None:
    encoded = fit_encoding(Named((("only",),)))(np.zeros((3, 1), dtype=np.int64))
    assert len(encoded) == 3
    assert np.isfinite(encoded.summaries).all()


def test_tables_bring_their_costs_along() -> None:
    space = Named((("identity", "k3", "k5"),) * 2)
    macs = np.arange(1.0, 10.0)
    costs = known_costs(table(space, macs=macs, error=np.full(9, 0.5)))
    assert costs(all_genomes(space)[[4, 0]]) == pytest.approx(np.log([[5.0], [1.0]]))


@pytest.mark.parametrize("macs", [np.full(9, np.nan), np.zeros(9)])
def test_costs_that_are_none_are_passed_over(macs: np.ndarray) -> None:
    space = Named((("identity", "k3", "k5"),) * 2)
    assert known_costs(table(space, macs=macs)) is no_costs


def test_costs_of_a_genome_outside_the_table_are_refused() -> None:
    space = Named((("identity", "k3", "k5"),) * 2)
    part = table(space, macs=np.arange(1.0, 10.0)).take(np.arange(5))
    with pytest.raises(GenomeError, match="not in the table"):
        known_costs(part)(all_genomes(space))


def test_summaries_are_standard_over_the_space(fbnet: ChainSpace) -> None:
    summaries = fit_encoding(fbnet)(random_genomes(fbnet, 3000, np.random.default_rng(5))).summaries
    assert np.abs(summaries.mean(axis=0)).max() < 0.1
    assert summaries.std(axis=0) == pytest.approx(np.ones(summaries.shape[1]), abs=0.1)


def test_the_score_of_a_prior_is_the_last_summary(tiny: ChainSpace) -> None:
    genomes = all_genomes(tiny)
    with_score = fit_encoding(tiny, lambda rows: rows.sum(axis=1).astype(float))(genomes).summaries
    assert with_score.shape[1] == fit_encoding(tiny)(genomes).summaries.shape[1] + 1
    assert np.corrcoef(with_score[:, -1], genomes.sum(axis=1))[0, 1] == pytest.approx(1.0)


def test_a_cell_has_the_four_ways_through_it(cell: CellEncoding) -> None:
    assert sorted(cell.paths) == [(0, 2, 5), (0, 4), (1, 5), (3,)]
    assert len(cell.codes) == 1 + 3 + 9 + 27


def code(cell: CellEncoding, *genomes: list[int]) -> Genomes:
    encoded = cell(np.array(genomes))
    return np.column_stack([encoded.columns, encoded.summaries])


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([THREE, NONE, NONE, ONE, NONE, NONE], [NONE, NONE, POOL, ONE, NONE, NONE], "edges that lead nowhere"),
        ([THREE, NONE, NONE, NONE, SKIP, NONE], [NONE, SKIP, NONE, NONE, NONE, THREE], "node numbers"),
        ([ONE, NONE, NONE, SKIP, SKIP, NONE], [NONE, ONE, NONE, SKIP, NONE, SKIP], "which node is between"),
    ],
)
def test_cells_that_compute_the_same_are_encoded_the_same(
    cell: CellEncoding, first: list[int], second: list[int], why: str
) -> None:
    one, other = code(cell, first, second)
    assert one.tolist() == other.tolist(), why


def test_a_skip_is_no_operator_on_a_path(cell: CellEncoding) -> None:
    with_skip, without = cell(
        np.array([[SKIP, NONE, THREE, NONE, NONE, ONE], [NONE, THREE, NONE, NONE, NONE, ONE]])
    ).columns
    assert with_skip.tolist() == without.tolist()
    assert with_skip.sum() == 1


def test_cells_that_differ_in_order_or_size_are_told_apart(cell: CellEncoding) -> None:
    rows = [
        [ONE, NONE, NONE, NONE, THREE, NONE],
        [THREE, NONE, NONE, NONE, ONE, NONE],
        [ONE, NONE, NONE, NONE, ONE, NONE],
    ]
    assert len(np.unique(code(cell, *rows), axis=0)) == 3


def test_a_cell_without_a_way_through_has_no_columns(cell: CellEncoding) -> None:
    encoded = cell(np.array([[THREE, THREE, THREE, NONE, NONE, NONE]]))
    assert not encoded.columns.any()
    assert np.isfinite(encoded.summaries).all()


@pytest.mark.parametrize(
    ("edges", "names"),
    [
        (("layer1", "layer2"), OPERATORS),
        (("1->0", "0->2"), OPERATORS),
        (("0->1", "0->1"), OPERATORS),
        (("0->1", "2->3"), OPERATORS),
        (("0->1", "1->2"), ("none", "zero")),
    ],
)
def test_what_is_no_cell_is_encoded_by_its_genes(edges: tuple[str, ...], names: tuple[str, ...]) -> None:
    space = Named((names,) * 2, edges)
    assert cell_encoding(space, all_genomes(space)) is None
    assert isinstance(fit_encoding(space).described, GeneEncoding)


def test_a_graph_with_too_many_ways_through_is_encoded_by_its_genes() -> None:
    edges = tuple(f"{start}->{end}" for end in range(1, 9) for start in range(end))
    space = Named((OPERATORS,) * len(edges), edges)
    assert cell_encoding(space, random_genomes(space, 50, np.random.default_rng(0))) is None
