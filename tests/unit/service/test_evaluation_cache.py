"""Evaluations in the database: kept once, found by exactly their key, and never in the way of a search."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from search import Evaluation
from service.storage import evaluation_repository
from service.storage.database import Database, open_database
from service.storage.evaluation_cache import CachePlace, EvaluationCache, open_cache
from service.storage.evaluation_repository import EvaluationKey, EvaluationRepository
from service.storage.tables import evaluations

KEY = EvaluationKey("a" * 64, "b" * 64, "c" * 64)
GENOME = (0, 12, 3)
FOUND = Evaluation(0.25, 0.8)
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> CachePlace:
    path = tmp_path / "lutnas.sqlite3"
    open_database(f"sqlite:///{path}").close()
    return CachePlace(f"sqlite:///{path}", str(tmp_path / "evaluating.lock"))


@pytest.fixture
def cache(place: CachePlace) -> Iterator[EvaluationCache]:
    with open_cache(place, KEY, 500) as opened:
        yield opened


def rows(place: CachePlace) -> list[tuple]:
    with closing(sqlite3.connect(place.database_url.removeprefix("sqlite:///"))) as connection:
        return connection.execute("SELECT genome, images, error, cross_entropy FROM evaluations").fetchall()


def test_an_evaluation_is_found_with_every_digit(cache: EvaluationCache, place: CachePlace) -> None:
    third = Evaluation(1 / 3, 2 / 3)
    cache.keep(GENOME, third)
    assert cache.find([GENOME, (0, 1, 23)]) == {GENOME: third}
    assert rows(place) == [("0,12,3", 500, 1 / 3, 2 / 3)]


def test_another_process_and_another_search_find_it(cache: EvaluationCache, place: CachePlace) -> None:
    cache.keep(GENOME, FOUND)
    with open_cache(place, KEY, 500) as other:
        assert other.find([GENOME]) == {GENOME: FOUND}


@pytest.mark.parametrize("part", ["supernet_sha256", "space_sha256", "images_sha256"])
def test_other_weights_spaces_or_images_are_others(cache: EvaluationCache, place: CachePlace, part: str) -> None:
    cache.keep(GENOME, FOUND)
    with open_cache(place, replace(KEY, **{part: "d" * 64}), 500) as other:
        assert other.find([GENOME]) == {}


def test_nothing_is_asked_for_nothing(cache: EvaluationCache) -> None:
    assert cache.find([]) == {}


def test_the_first_of_two_writers_stays(cache: EvaluationCache, place: CachePlace) -> None:
    cache.keep(GENOME, FOUND)
    cache.keep(GENOME, Evaluation(0.5, 1.5))
    assert cache.find([GENOME]) == {GENOME: FOUND}
    assert len(rows(place)) == 1


def test_writers_at_the_same_time_do_not_lose_a_row(place: CachePlace) -> None:
    def write(first: int) -> None:
        with open_cache(place, KEY, 500) as cache:
            for number in range(first, first + 20):
                cache.keep((number,), FOUND)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(row[0]) for row in rows(place)) == list(range(30))


@pytest.mark.parametrize(
    "damage",
    ["error = 1.5", "error = -0.1", "error = 'x'", "cross_entropy = -1", "error = 9e999", "cross_entropy = x'00'"],
)
def test_a_damaged_row_counts_as_none(cache: EvaluationCache, place: CachePlace, damage: str) -> None:
    cache.keep(GENOME, FOUND)
    cache.keep((1, 1, 1), FOUND)
    with closing(sqlite3.connect(place.database_url.removeprefix("sqlite:///"))) as connection:
        connection.execute(f"UPDATE evaluations SET {damage} WHERE genome = '0,12,3'")  # noqa: S608 - the lines above
        connection.commit()
    assert cache.find([GENOME, (1, 1, 1)]) == {(1, 1, 1): FOUND}
    cache.keep(GENOME, FOUND)


@pytest.mark.parametrize("found", [Evaluation(0.5, float("nan")), Evaluation(0.5, float("inf"))])
def test_what_is_no_number_is_not_found_again(cache: EvaluationCache, found: Evaluation) -> None:
    cache.keep(GENOME, found)
    assert cache.find([GENOME]) == {}


def test_a_database_without_the_table_costs_the_cache_alone(tmp_path: Path) -> None:
    place = CachePlace(f"sqlite:///{tmp_path / 'empty.sqlite3'}", str(tmp_path / "lock"))
    with open_cache(place, KEY, 500) as cache:
        cache.keep(GENOME, FOUND)
        assert cache.find([GENOME]) == {}


def test_a_locked_database_costs_the_cache_alone(place: CachePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.storage.evaluation_cache._BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(place.database_url.removeprefix("sqlite:///"), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with open_cache(place, KEY, 500) as cache:
            cache.keep(GENOME, FOUND)
            assert cache.find([GENOME]) == {}
        holder.execute("ROLLBACK")
    assert rows(place) == []


def try_to_claim(place: CachePlace, genome: tuple[int, ...], answer: Connection) -> None:
    with open_cache(place, KEY, 500) as cache, cache.claim(genome) as mine:
        answer.send_bytes(b"mine" if mine else b"taken")
        answer.recv_bytes()


def claimed_elsewhere(place: CachePlace, genome: tuple[int, ...]) -> tuple[str, Connection, multiprocessing.Process]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=try_to_claim, args=(place, genome, theirs))
    process.start()
    return ours.recv_bytes().decode(), ours, process


def test_a_genome_is_claimed_by_one_process_at_a_time(cache: EvaluationCache, place: CachePlace) -> None:
    answer, pipe, process = claimed_elsewhere(place, GENOME)
    assert answer == "mine"
    with cache.claim(GENOME) as mine, cache.claim((9, 9, 9)) as other:
        assert (mine, other) == (False, True)
    process.kill()
    process.join()
    with cache.claim(GENOME) as mine:
        assert mine, "a process that dies gives its claim back"
    pipe.close()


def test_where_files_cannot_be_locked_everyone_may_evaluate(cache: EvaluationCache, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    with cache.claim(GENOME) as mine:
        assert mine


def test_postgresql_is_asked_in_its_own_words() -> None:
    """The same two statements, as its dialect writes them."""
    row = dict.fromkeys(evaluations.c.keys(), "x")
    insert = evaluation_repository._INSERTS["postgresql"](evaluations).values(row).on_conflict_do_nothing()
    assert str(insert.compile(dialect=postgresql.dialect())).endswith("ON CONFLICT DO NOTHING")
    table = str(CreateTable(evaluations).compile(dialect=postgresql.dialect()))
    assert "PRIMARY KEY (supernet_sha256, space_sha256, images_sha256, genome)" in table
    assert table.count("DOUBLE PRECISION NOT NULL") == 2, "every digit comes back"


def test_a_transaction_that_fails_keeps_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as connection:
            EvaluationRepository(connection).add(KEY, GENOME, FOUND, 500, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(evaluations)).scalar() == 0


def test_a_row_tells_when_and_on_how_many_images(database: Database) -> None:
    with database.write() as connection:
        EvaluationRepository(connection).add(KEY, GENOME, FOUND, 500, NOW)
        row = connection.execute(text("SELECT images, created_at FROM evaluations")).one()
    assert tuple(row) == (500, "2026-11-23T02:00:00.000000Z")
