"""SurrogateProposer: which candidates to measure next (ADR 0009). Asked and told by the engine and by benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.predictor.covariance import Floats
from search.space.base import Genomes
from search.surrogate.acquisition import Corner, LogNormal, corner_of, expected_gain
from search.surrogate.candidates import Candidates, CandidateSource, concatenated
from search.surrogate.design import first_rows
from search.surrogate.model import Beliefs, Model

FIRST = 10
"""Measurements before the first model."""
_SHORTLIST = 1500
_EARLY = 30
_REFIT_EARLY, _REFIT = 2, 5


@dataclass
class Shortlist:
    """The candidates that gained most when the model was fitted, and what is believed of them since."""

    candidates: Candidates
    beliefs: Beliefs
    corner: Corner
    open: npt.NDArray[np.bool_]
    """Not asked for yet, `(n,)`."""


class SurrogateProposer:
    """Asks for the candidates whose measurement is expected to add the most hypervolume, and learns from the answers.

    Never asks for a genome twice. `error_limit` is the highest error that counts.
    """

    def __init__(
        self,
        source: CandidateSource,
        membership: Floats,
        rng: np.random.Generator,
        error_limit: float = np.inf,
    ) -> None:
        self._source = source
        self._membership = membership
        self._error_limit = error_limit
        start = source.start()
        self._design = start.take(first_rows(start, FIRST, rng))
        self._asked = start.take(np.empty(0, dtype=np.int64))
        self._measured = self._asked
        self._errors = np.empty(0)
        self._fitted_on = 0
        self._shortlist: Shortlist | None = None
        self._rows: list[int] = []
        self._pending = self._asked

    @property
    def first_ones(self) -> int:
        """How many are measured before there is a model."""
        return len(self._design)

    def ask(self, n: int) -> Genomes:
        """Up to `(n, g)` genomes not asked for before; none when none are left. Answer with `tell` before the next."""
        if len(self._asked) < len(self._design):
            self._pending = self._design.take(np.arange(len(self._asked), min(len(self._asked) + n, len(self._design))))
        else:
            self._pending = self._best(n)
        self._asked = concatenated(self._asked, self._pending)
        return self._pending.genomes

    def tell(self, errors: Floats) -> None:
        """The measured errors, `(n,)`, of the genomes asked for last; NaN for one that could not be measured."""
        known = np.isfinite(errors)
        self._measured = concatenated(self._measured, self._pending.take(np.flatnonzero(known)))
        self._errors = np.append(self._errors, errors[known])
        if self._shortlist is None:
            return
        if len(self._rows) == 1:
            if known[0]:
                self._shortlist.beliefs.observe(self._rows[0], float(errors[0]))
        else:
            # Its beliefs hold guesses about the batch.
            self._shortlist = None

    def _best(self, n: int) -> Candidates:
        """One after another, each as if those before had been measured as expected."""
        if len(self._measured) < 2:
            start = self._source.start()
            return start.take(self._unasked(start)[:n])
        shortlist = self._current_shortlist()
        errors, known = self._errors, self._measured.known
        self._rows = []
        for _ in range(min(n, int(shortlist.open.sum()))):
            expected = shortlist.beliefs.log_normal
            gain = expected_gain(expected, shortlist.candidates.known, (errors, known), shortlist.corner)
            row = int(np.argmax(np.where(shortlist.open, gain, -np.inf)))
            shortlist.open[row] = False
            self._rows.append(row)
            if n > 1:
                median = float(np.exp(expected.mean[row]))
                shortlist.beliefs.observe(row, median)
                errors, known = np.append(errors, median), np.vstack([known, shortlist.candidates.known[row]])
        return shortlist.candidates.take(np.array(self._rows, dtype=np.int64))

    def _current_shortlist(self) -> Shortlist:
        since = len(self._errors) - self._fitted_on
        due = since >= (_REFIT_EARLY if len(self._errors) < _EARLY else _REFIT)
        if self._shortlist is None or due or not self._shortlist.open.any():
            self._shortlist = self._fit()
            self._fitted_on = len(self._errors)
        return self._shortlist

    def _fit(self) -> Shortlist:
        model = Model(self._measured.encoded, self._errors, self._membership)
        candidates = self._source.candidates(model.median, self._measured.genomes)
        candidates = candidates.take(self._unasked(candidates))
        beliefs = model.beliefs(candidates.encoded)
        expected = beliefs.log_normal
        measured = self._errors, self._measured.known
        lowest = np.vstack([candidates.known, self._measured.known]).min(axis=0)
        corner = corner_of(*measured, candidates.known[_hopeful(expected)].max(axis=0, initial=-np.inf), lowest)
        corner = Corner(min(corner.error, self._error_limit), corner.lowest, corner.known)
        gain = expected_gain(expected, candidates.known, measured, corner)
        rows = np.sort(np.argsort(-gain, kind="stable")[:_SHORTLIST])
        return Shortlist(candidates.take(rows), beliefs.take(rows), corner, np.ones(len(rows), dtype=np.bool_))

    def _unasked(self, candidates: Candidates) -> npt.NDArray[np.int64]:
        return np.setdiff1d(np.arange(len(candidates)), candidates.rows_of(self._asked.genomes))


def _hopeful(expected: LogNormal) -> list[int]:
    """The candidates of the lowest error as expected, and as hoped for by one and by two deviations."""
    if not len(expected.mean):
        return []
    return [int(np.argmin(expected.mean - hope * expected.deviation)) for hope in (0, 1, 2)]
