"""Root of what the API answers (`schemas.py`, `front_figures.py`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class Answer(BaseModel):
    """Root of all answers: no number that is not finite."""

    model_config = ConfigDict(allow_inf_nan=False)
