"""Page tokens: the place after which the next page begins, with the filter it was made for; opaque to clients."""

from __future__ import annotations

import base64
import json

from service.errors import PageTokenError
from service.job import SearchJob, State, read_time, time_text

_LONGEST = 400


def write_page_token(last: SearchJob, state: State | None) -> str:
    """The token of the page that follows `last`."""
    content = json.dumps([time_text(last.created_at), last.id, state])
    return base64.urlsafe_b64encode(content.encode()).decode("ascii").rstrip("=")


def read_page_token(token: str, state: State | None) -> tuple[str, str]:
    """The time of creation, as text, and id of the search that the page follows.

    Raises:
        PageTokenError: not a token of `write_page_token`, or one made for another filter.
    """
    if len(token) > _LONGEST:
        raise PageTokenError
    try:
        padded = token + "=" * (-len(token) % 4)
        created_at, search_id, made_for = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(created_at, str) or not isinstance(search_id, str) or made_for != state:
            raise PageTokenError
        read_time(created_at)
    except (ValueError, TypeError, RecursionError) as error:
        raise PageTokenError from error
    return created_at, search_id
