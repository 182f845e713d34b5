"""Experiments, so that one that a kill cut off is taken back, and what became of recommendations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "optimizer_experiments",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("optimizer_experiments_created", "optimizer_experiments", ["tenant", "created_ms"])
    op.create_index("optimizer_experiments_state", "optimizer_experiments", ["state"])
    op.create_table(
        "optimizer_recommendations",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
    )
