"""Parts of a search request that say where a search starts and when it stops (read by `search_request.py`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from service.strict_model import StrictModel, in_words

MOST_START_GENOMES = 200
"""They stand in every answer about the search."""
Objective = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(:[a-z0-9][a-z0-9._-]{0,63})?$"),
    in_words("Must be an objective's name, for some with one colon and a device's name or worst: latency_ms:pixel-3."),
]
"""Name of an objective, with a device or `worst` behind a colon for some."""
SearchName = Annotated[
    str,
    StringConstraints(pattern=r"^srch_[a-z0-9]{1,59}$"),
    in_words("Must be the id of a search: srch_ and then lower-case letters and digits, 64 characters at most."),
]


class StopCriteria(StrictModel):
    """What ends a search before its last generation, whichever comes first."""

    candidates: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Distinct networks scored; the last generation is cut short to fit."),
    ] = None
    seconds: Annotated[
        float | None,
        Field(
            ge=0.001,
            le=604_800,
            description="Seconds of evolution, looked at after each generation; loading does not count. A search that"
            " this ends gives another front each time: every other criterion keeps fronts repeatable.",
        ),
    ] = None
    stagnation_generations: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="Generations in which the front's hypervolume rose by less than 0.01 % of itself, counted from"
            " the first network that keeps all limits.",
        ),
    ] = None


StartFrom = Annotated[
    list[SearchName] | None,
    Field(
        min_length=1,
        max_length=8,
        description="Searches of the same space that have succeeded: the networks of their fronts enter the first"
        f" generation, at most {MOST_START_GENOMES} and as many as the population has room for, the best-spread ones by"
        " this search's own objectives. They are written into `effective_spec` as `start_genomes`, so that this search"
        " can be repeated when the earlier ones are gone.",
    ),
]
StartGenomes = Annotated[
    list[Annotated[list[Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=1000)]],
    Field(
        max_length=MOST_START_GENOMES,
        description="Networks for the first generation, as many as it has room for, in this order.",
    ),
]
