"""The problem as pymoo sees it: integer variables, minimised columns, one constraint. It evaluates nothing itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pymoo.core.problem import Problem


class GenomeProblem(Problem):  # type: ignore[misc]  # pymoo ships no types
    """Integer genes between 0 and `n_choices - 1`; the one constraint is the evaluator's summed violation."""

    def __init__(self, n_choices: npt.NDArray[np.int64], columns: int) -> None:
        super().__init__(
            n_var=len(n_choices),
            n_obj=columns,
            n_ieq_constr=1,
            xl=np.zeros_like(n_choices),
            xu=n_choices - 1,
            vtype=int,
        )
        self.n_choices = n_choices
