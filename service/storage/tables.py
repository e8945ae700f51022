"""The database's tables; every change needs a migration in `migrations/versions/`. Times: `job.time_text`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

searches = Table(
    "searches",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("state_reason", Text),
    Column("request", JSON, nullable=False),
    Column("effective", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("owner", String(40)),
    Column("phase", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("generations_total", Integer, nullable=False),
    Column("evaluations", Integer, nullable=False),
    Column("hypervolume", Float),
    Column("front_size", Integer, nullable=False),
    Column("phase_fraction", Float),
    Column("seconds_left", Float),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("error_param", Text),
    Column("created_at", String(27), nullable=False),
    Column("queued_at", String(27), nullable=False),
    Column("started_at", String(27)),
    Column("cancelling_at", String(27)),
    Column("finished_at", String(27)),
    Column("updated_at", String(27), nullable=False),
    Index("searches_by_creation", "created_at", "id"),
    Index("searches_by_state", "state", "created_at", "id"),
)

search_events = Table(
    "search_events",
    metadata,
    Column("search_id", String(40), ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", String(27), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("detail", JSON, nullable=False),
)

search_files = Table(
    "search_files",
    metadata,
    Column("search_id", String(40), ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("supernet_sha256", String(64), primary_key=True),
    Column("space_sha256", String(64), primary_key=True),
    Column("images_sha256", String(64), primary_key=True),
    Column("genome", String(2000), primary_key=True),
    Column("images", Integer, nullable=False),
    Column("error", Double, nullable=False),
    Column("cross_entropy", Double, nullable=False),
    Column("created_at", String(27), nullable=False),
)
"""Sub-networks evaluated on images: facts, so that rows are added and never changed. `genome`: genes with commas."""
