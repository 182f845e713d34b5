"""Tenants, and roles of people's own for each of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    tenants = op.create_table(
        "identity_tenants",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(tenants, [{"id": "default", "title": "The installation", "disabled": False, "created_ms": 0}])
    op.create_table(
        "identity_tenant_roles",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("help", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
    )
    op.execute(
        "INSERT INTO identity_tenant_roles (tenant, name, help, permissions) "
        "SELECT 'default', name, help, permissions FROM identity_roles"
    )
    op.drop_table("identity_roles")
