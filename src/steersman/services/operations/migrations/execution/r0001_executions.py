"""Plans that somebody carries out: where they stand, and what is counted before the next one may begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "ops_executions",
        sa.Column("plan", sa.String(36), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("begun_ms", sa.BigInteger()),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("ops_executions_state", "ops_executions", ["state", "changed_ms"])
    op.create_index("ops_executions_begun", "ops_executions", ["begun_ms"])
