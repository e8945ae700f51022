"""A published table as the field of a surrogate-assisted search: its costs are known, its errors are asked for."""

from __future__ import annotations

import numpy as np

from search.predictor.kernel import Floats
from search.space.base import Genomes
from search.space.tabular import TabularSpace
from search.surrogate.candidates import AllCandidates, Candidates
from search.surrogate.encoder import fit_encoder
from search.surrogate.proposer import SurrogateProposer


def tabular_proposer(space: TabularSpace, known: Floats, seed: int) -> SurrogateProposer:
    """Proposes rows of a table, given every row's other objectives `(n, k)`, all minimised and above 0.

    The model sees the genes, how often each choice occurs, and the logarithms of the known objectives.
    """
    features = np.column_stack([_counts(space), np.log(known)])
    rows = {genome.tobytes(): row for row, genome in enumerate(space.genomes)}

    def look_up(genomes: Genomes) -> Floats:
        return features[[rows[genome.tobytes()] for genome in genomes]]

    encoder = fit_encoder(space, look_up, space.genomes)
    everything = Candidates(space.genomes, known, encoder(space.genomes))
    return SurrogateProposer(AllCandidates(everything), encoder.gene_of_column, np.random.default_rng(seed))


def _counts(space: TabularSpace) -> Floats:
    return np.stack([(space.genomes == choice).sum(axis=1) for choice in range(space.n_choices.max())], axis=1)
