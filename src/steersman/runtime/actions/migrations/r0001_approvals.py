"""What somebody wants that two people have to want, and what the second one said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "house_approvals",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("args", sa.JSON()),
        sa.Column("asked_by", sa.String(36), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("answered_by", sa.String(36), nullable=False),
        sa.Column("answered_ms", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("house_approvals_state", "house_approvals", ["state", "tenant", "asked_ms"])
    op.create_index("house_approvals_key", "house_approvals", ["key", "kind"])
    # The database itself refuses that one thing waits twice.
    op.create_index(
        "house_approvals_waiting",
        "house_approvals",
        ["tenant", "kind", "operation", "key"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
