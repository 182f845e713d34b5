"""What was taken away lately, in the order in which it was, for the other processes on this database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    version = op.create_table(
        "identity_version",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "value": 0}])
    op.create_table(
        "identity_retractions",
        sa.Column("version", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
    )
