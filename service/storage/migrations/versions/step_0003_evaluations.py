"""Sub-networks evaluated on images.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table of evaluations."""
    op.create_table(
        "evaluations",
        sa.Column("supernet_sha256", sa.String(64), primary_key=True),
        sa.Column("space_sha256", sa.String(64), primary_key=True),
        sa.Column("images_sha256", sa.String(64), primary_key=True),
        sa.Column("genome", sa.String(2000), primary_key=True),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("error", sa.Double, nullable=False),
        sa.Column("cross_entropy", sa.Double, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
    )
