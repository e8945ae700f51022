"""Heavy work one at a time: a few wait, the others are sent away at once."""

from __future__ import annotations

import threading

import pytest

from service.short_queue import ShortQueue
from service.table_errors import MeasurementsBusyError


def refused(queue: ShortQueue) -> bool:
    try:
        with queue.turn():
            return False
    except MeasurementsBusyError:
        return True


def test_whoever_waits_too_long_is_sent_away() -> None:
    queue = ShortQueue(2, 0.01)
    with queue.turn():
        assert refused(queue)
    assert not refused(queue)


def test_a_full_queue_sends_away_at_once() -> None:
    queue = ShortQueue(1, 3600.0)
    with queue.turn():
        assert refused(queue)
    assert not refused(queue)


def test_who_waits_has_a_turn_when_the_one_before_is_done() -> None:
    queue, answers = ShortQueue(2, 60.0), []
    waiting = threading.Thread(target=lambda: answers.append(refused(queue)))
    with queue.turn():
        waiting.start()
        assert answers == []
    waiting.join(60)
    assert answers == [False]


def test_an_error_ends_a_turn() -> None:
    queue = ShortQueue(1, 0.01)
    with pytest.raises(ZeroDivisionError), queue.turn():
        _ = 1 / 0
    assert not refused(queue)
