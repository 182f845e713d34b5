"""How each signing key handed the log on to the next one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    op.create_table(
        "audit_successions",
        # One successor for each key: the database refuses a second one.
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
