"""A published table as the field of a surrogate-assisted search: its costs are known, its errors are asked for."""

from __future__ import annotations

import numpy as np

from search.predictor.covariance import Floats
from search.predictor.encoding import fit_encoding
from search.space.base import Genomes, genome_keys
from search.space.tabular import TabularSpace
from search.surrogate.candidates import AllCandidates, Candidates
from search.surrogate.proposer import SurrogateProposer


def tabular_proposer(space: TabularSpace, known: Floats, seed: int) -> SurrogateProposer:
    """Proposes rows of a table, given every row's other objectives `(n, k)`, all minimised and above 0.

    The model sees the genes as a predictor does (`search.predictor.encoding`), and the first known objective.
    """
    rows = {key: row for row, key in enumerate(genome_keys(space.genomes))}
    logarithm = np.log(known[:, 0]) if known.shape[1] else np.zeros(len(space))

    def cost(genomes: Genomes) -> Floats:
        return logarithm[[rows[key] for key in genome_keys(genomes)]]

    encoding = fit_encoding(space, cost)
    everything = Candidates(space.genomes, known, encoding(space.genomes))
    return SurrogateProposer(AllCandidates(everything), encoding.membership, np.random.default_rng(seed))
