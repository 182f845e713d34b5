"""Accounts and what they may do; sessions with their refresh tokens, and API keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    _people()
    _authority()
    _sessions()


def _people() -> None:
    op.create_table(
        "identity_accounts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("totp", sa.LargeBinary()),
        sa.Column("totp_step", sa.BigInteger()),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "identity_recoveries",
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), primary_key=True),
        sa.Column("hash", sa.String(64), primary_key=True),
    )


def _authority() -> None:
    op.create_table(
        "identity_groups",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("tenant", "name"),
    )
    op.create_table(
        "identity_members",
        sa.Column("group_id", sa.String(36), sa.ForeignKey("identity_groups.id"), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), primary_key=True),
    )
    op.create_index("identity_members_account", "identity_members", ["account"])
    op.create_table(
        "identity_grants",
        sa.Column("holder", sa.String(36), primary_key=True),
        sa.Column("role", sa.Text(), primary_key=True),
    )
    op.create_table(
        "identity_roles",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("help", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "identity_sessions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cookie", sa.String(64), unique=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("ended", sa.Text()),
    )
    op.create_index("identity_sessions_account", "identity_sessions", ["account", "address"])
    op.create_table(
        "identity_refreshes",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("session", sa.String(36), sa.ForeignKey("identity_sessions.id"), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.Column("nonce", sa.String(64)),
    )
    op.create_index("identity_refreshes_expires", "identity_refreshes", ["expires_ms"])
    op.create_index("identity_refreshes_session", "identity_refreshes", ["session"])
    op.create_table(
        "identity_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
    )
    op.create_index("identity_keys_account", "identity_keys", ["account"])
