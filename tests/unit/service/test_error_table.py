"""The table of HTTP statuses: complete, and about classes that exist."""

from __future__ import annotations

import latency_tables.errors
import search.errors
import service.errors
import service.table_errors
from service.api.error_handlers import STATUS
from service.errors import BodyTooLargeError, NotFoundError, error_code


def concrete_errors() -> list[type[Exception]]:
    """Every error class that nothing is derived from; also those that a class is derived from but that are raised."""
    roots = (latency_tables.errors.LatencyTableError, search.errors.SearchError, service.errors.ServiceError)
    found, todo = [], list(roots)
    while todo:
        children = todo.pop().__subclasses__()
        found += [child for child in children if not child.__subclasses__()]
        todo += children
    return found


def test_every_concrete_error_has_a_status() -> None:
    assert [error.__name__ for error in concrete_errors() if error.__name__ not in STATUS] == []


def test_the_table_names_no_class_that_is_gone() -> None:
    assert sorted(set(STATUS) - {error.__name__ for error in concrete_errors()}) == []


def test_names_are_unique_across_the_three_trees() -> None:
    names = [error.__name__ for error in concrete_errors()]
    assert len(set(names)) == len(names)


def test_statuses_are_failures() -> None:
    assert set(STATUS.values()) <= {400, 403, 404, 409, 413, 415, 422, 500, 503}


def test_codes_are_stable_words() -> None:
    assert error_code(BodyTooLargeError(5)) == "body_too_large"
    assert error_code(NotFoundError("search", "")) == "not_found"
    assert error_code(search.errors.SpaceFileError("p", "r")) == "space_file"
