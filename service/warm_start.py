"""The fronts of earlier searches as the start of a new one (asked when a search is posted)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import ge

from search import SearchResources, SearchSpec, Space, best_spread, start_room
from service.errors import Fault, InvalidStateError, NotFoundError, StartFromError
from service.fronts import Fronts
from service.job import TERMINAL
from service.search_fields import MOST_START_GENOMES

_HINT = "GET /v1/searches?state=succeeded lists those that serve."


def start_genomes(
    search_ids: Sequence[str], fronts: Fronts, spec: SearchSpec, resources: SearchResources
) -> list[list[int]]:
    """The genomes to start a search with: the given ones of its spec, then those of earlier fronts, as many as fit.

    Raises:
        StartFromError: pointing at each search that is unknown, has not succeeded, or is of another space or of an
            earlier definition of this one.
        ResultDamagedError: a stored front is missing or has changed.
    """
    genomes: list[tuple[int, ...]] = []
    faults: list[Fault] = []
    for place, search_id in enumerate(search_ids):
        try:
            genomes += _front(search_id, fronts, resources.space, f"/start_from/{place}")
        except StartFromError as error:
            faults += error.faults
    if faults:
        raise StartFromError(faults)
    given = list(dict.fromkeys(spec.start_genomes))
    others = [genome for genome in dict.fromkeys(genomes) if genome not in set(given)]
    room = min(start_room(spec), MOST_START_GENOMES) - len(given)
    chosen = best_spread(spec, resources, others, room)
    return [list(genome) for genome in (*given, *chosen)]


def _front(search_id: str, fronts: Fronts, space: Space, pointer: str) -> list[tuple[int, ...]]:
    try:
        document = fronts.document(search_id)
    except NotFoundError:
        raise StartFromError([Fault(pointer, "unknown_search", f"No such search. {_HINT}")]) from None
    except InvalidStateError as error:
        ended = error.state in TERMINAL
        next_step = (
            f"It never will: leave it out. {_HINT}" if ended else "Wait until it has succeeded, or leave it out."
        )
        message = f"This search is {error.state} and has no front. {next_step}"
        raise StartFromError([Fault(pointer, "search_not_succeeded", message)]) from None
    if document["space"] != space.name:
        message = f"This search is of the space {document['space']}, not of {space.name}. Leave it out."
        raise StartFromError([Fault(pointer, "search_of_another_space", message)])
    genomes = [tuple(item["genome"]) for item in document["items"]]
    choices = space.n_choices.tolist()
    if any(len(genome) != len(choices) or any(map(ge, genome, choices)) for genome in genomes):
        message = f"This search is of an earlier definition of {space.name}, with other genes. Leave it out."
        raise StartFromError([Fault(pointer, "search_of_another_space", message)])
    return genomes
