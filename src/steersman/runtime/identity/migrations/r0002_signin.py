"""Passkeys, clients of third parties with their codes, accounts at outside providers, and what may be answered once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"


def upgrade() -> None:
    _sessions()
    _passkeys()
    _clients()
    _elsewhere()


def _sessions() -> None:
    op.add_column("identity_accounts", sa.Column("asks_passkey", sa.Boolean()))
    op.add_column("identity_sessions", sa.Column("authenticated_ms", sa.BigInteger()))
    op.add_column("identity_sessions", sa.Column("client", sa.String(36)))
    op.add_column("identity_sessions", sa.Column("scopes", sa.JSON()))


def _passkeys() -> None:
    op.create_table(
        "identity_passkeys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
    )
    op.create_index("identity_passkeys_account", "identity_passkeys", ["account"])
    op.create_table(
        "identity_flows",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bound", sa.String(64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("identity_flows_expires", "identity_flows", ["expires_ms"])


def _clients() -> None:
    op.create_table(
        "identity_clients",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("redirects", sa.JSON(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(64)),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
    )
    op.create_table(
        "identity_codes",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("client", sa.String(36), sa.ForeignKey("identity_clients.id"), nullable=False),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), nullable=False),
        sa.Column("redirect", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("authenticated_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(36)),
    )


def _elsewhere() -> None:
    op.create_table(
        "identity_links",
        sa.Column("issuer", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("identity_accounts.id"), nullable=False),
        sa.Column("linked_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("identity_links_account", "identity_links", ["account"])
