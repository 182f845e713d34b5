"""The database's copy of the key ring."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "keys_rings",
        sa.Column("version", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
    )
