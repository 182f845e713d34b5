"""How far each caller has used up what may be asked in a minute, for all processes together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    op.create_table(
        "security_rates",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("used_until_ms", sa.Float(), nullable=False),
    )
