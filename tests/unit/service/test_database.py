"""Opening, locking and migrating the database."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from service.errors import DatabaseStartError, StorageBusyError, StorageFullError, StorageUnavailableError
from service.job import Progress, State
from service.jobs.lifecycle import Lifecycle
from service.storage.database import Database, journal_mode, open_database
from service.storage.job_repository import JobRepository
from service.storage.tables import metadata


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
        ((3, 50, 7), "WAL"),
        ((3, 44, 6), "WAL"),
        ((3, 51, 2), "TRUNCATE"),
        ((3, 50, 6), "TRUNCATE"),
        ((3, 45, 0), "TRUNCATE"),
        ((3, 44, 5), "TRUNCATE"),
        ((3, 40, 1), "TRUNCATE"),
    ],
)
def test_wal_only_where_it_is_sound(version: tuple[int, ...], mode: str) -> None:
    assert journal_mode(version) == mode


def test_the_pragmas_hold_on_every_connection(database: Database) -> None:
    with database.read() as one, database.read() as other:
        for connection in (one, other):
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
            mode = str(connection.execute(text("PRAGMA journal_mode")).scalar())
            assert mode.upper() == journal_mode(sqlite3.sqlite_version_info)


def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.sqlite3'}"
    first = open_database(url)
    with first.write() as connection:
        connection.execute(text("CREATE TABLE mark (x INTEGER)"))
    first.close()
    second = open_database(url)
    with second.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM mark")).scalar() == 0
    second.close()


def test_searches_of_the_first_version_are_kept(tmp_path: Path) -> None:
    """Migrated to the present tables with what they hold."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    database = open_database(url)
    with database.write() as connection:
        connection.execute(text("DROP TABLE evaluations"))
        for column in ("phase_fraction", "seconds_left"):
            connection.execute(text(f"ALTER TABLE searches DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        query = """
            INSERT INTO searches (id, state, request, effective, seed, attempt, phase, generation, generations_total,
                                  evaluations, front_size, created_at, queued_at, updated_at)
            VALUES ('a', 'queued', '{}', '{}', 1, 1, 'waiting', 0, 5, 0, 0, :now, :now, :now)
        """
        connection.execute(text(query), {"now": "2026-11-22T12:00:00.000000Z"})
    database.close()
    again = open_database(url)
    with again.read() as connection:
        job = JobRepository(connection).get("a")
        assert job is not None
        assert job.progress == Progress(generations_total=5)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    again.close()


def delete_and_stumble(database: Database, search_id: str) -> None:
    with database.write() as connection:
        JobRepository(connection).delete(search_id)
        raise RuntimeError


def test_an_exception_rolls_everything_back(database: Database, lifecycle: Lifecycle) -> None:
    job = lifecycle.create({}, {"space": "tiny", "generations": 1, "seed": 1})
    with pytest.raises(RuntimeError):
        delete_and_stumble(database, job.id)
    with database.read() as connection:
        assert JobRepository(connection).get(job.id) == job


def test_a_lock_held_elsewhere_is_told_as_busy(database: Database, tmp_path: Path) -> None:
    outside = sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)
    outside.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusyError, match="try again"), database.write():
        pass
    outside.execute("ROLLBACK")
    outside.close()
    database.check_writable()


def fill(database: Database) -> None:
    with database.write() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count={pages}"))
        connection.execute(text("CREATE TABLE large AS SELECT randomblob(100000) AS x"))


def test_a_full_disk_is_told_as_full(database: Database, lifecycle: Lifecycle) -> None:
    with pytest.raises(StorageFullError, match="free some space"):
        fill(database)
    assert lifecycle.claim() is None


def write_read_only(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("PRAGMA query_only=1"))
        connection.execute(text("CREATE TABLE mark (x INTEGER)"))


def test_a_database_that_became_read_only_is_told(database: Database) -> None:
    with pytest.raises(StorageUnavailableError, match="readonly"):
        write_read_only(database)


def test_a_database_whose_folder_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    database = open_database(f"sqlite:///{folder / 'test.sqlite3'}")
    database.close()
    shutil.rmtree(folder)
    with pytest.raises(StorageUnavailableError, match="unable to open") as raised:
        database.check_writable()
    assert "try again" in str(raised.value)


@pytest.mark.parametrize("kind", ["folder", "text"])
def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "wrong.sqlite3"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("this is a text of more than sixteen bytes, no database at all" * 20)
    with pytest.raises(DatabaseStartError, match=r"wrong\.sqlite3"):
        open_database(f"sqlite:///{path}")


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'later.sqlite3'}"
    first = open_database(url)
    with first.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    first.close()
    with pytest.raises(DatabaseStartError, match="another version of lutnas"):
        open_database(url)


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DatabaseStartError, match="LUTNAS_DATABASE_URL"):
        open_database(url)


def test_pages_follow_each_other_without_gap_or_repeat(database: Database, lifecycle: Lifecycle) -> None:
    ids = [lifecycle.create({}, {"space": "t", "generations": 1, "seed": 1}).id for _ in range(7)]
    with database.read() as connection:
        repository = JobRepository(connection)
        first = repository.page(3, None, None)
        before = (first[-1].created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), first[-1].id)
        rest = repository.page(10, None, before)
        assert [job.id for job in first + rest] == ids[::-1]
        assert repository.page(10, State.RUNNING, None) == []


def test_searches_are_counted_by_state(database: Database, lifecycle: Lifecycle) -> None:
    for _ in range(3):
        lifecycle.create({}, {"space": "t", "generations": 1, "seed": 1})
    lifecycle.claim()
    with database.read() as connection:
        counts = JobRepository(connection).count_by_state()
    assert (counts[State.QUEUED], counts[State.RUNNING], counts[State.FAILED]) == (2, 1, 0)
