"""How far a search is in a phase that does not count generations.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the share of the phase done and the seconds left."""
    op.add_column("searches", sa.Column("phase_fraction", sa.Float))
    op.add_column("searches", sa.Column("seconds_left", sa.Float))
