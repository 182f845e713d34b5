"""Keys of subjects stand beside the journal now; this table never had a writer."""

from __future__ import annotations

from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    op.drop_table("audit_subject_keys")
