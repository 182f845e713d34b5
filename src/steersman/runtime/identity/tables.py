"""The tables of identity, and the lineage of their migrations.

Secrets are not in here: passwords are hashes, and of tokens and keys there is only the SHA-256, which is enough for
something random of 256 bits.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import JSON, BigInteger, Boolean, Column, LargeBinary, MetaData, String, Table, Text

from steersman.runtime.database.migrate import Lineage

LINEAGE = Lineage("identity", Path(__file__).parent / "migrations")
_META = MetaData()

accounts = Table(
    "identity_accounts",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("name", Text),
    Column("email", Text),
    Column("kind", Text),
    Column("password", Text),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger),
    Column("disabled", Boolean),
    Column("created_ms", BigInteger),
)
#: What a person or a group of them holds.
grants = Table(
    "identity_grants",
    _META,
    Column("holder", String(36), primary_key=True),
    Column("role", Text, primary_key=True),
)
groups = Table(
    "identity_groups",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("name", Text),
)
members = Table(
    "identity_members",
    _META,
    Column("group_id", String(36), primary_key=True),
    Column("account", String(36), primary_key=True),
)
roles = Table(
    "identity_roles",
    _META,
    Column("name", Text, primary_key=True),
    Column("help", Text),
    Column("permissions", JSON),
)
#: A session is one sign-in; its refresh tokens are a family, and a cookie is one without.
sessions = Table(
    "identity_sessions",
    _META,
    Column("id", String(36), primary_key=True),
    Column("account", String(36)),
    Column("kind", Text),
    Column("cookie", String(64)),
    Column("address", Text),
    Column("agent", Text),
    Column("created_ms", BigInteger),
    Column("seen_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("ended", Text),
)
refreshes = Table(
    "identity_refreshes",
    _META,
    Column("hash", String(64), primary_key=True),
    Column("session", String(36)),
    Column("expires_ms", BigInteger),
    Column("used_ms", BigInteger),
    Column("nonce", String(64)),
)
keys = Table(
    "identity_keys",
    _META,
    Column("id", String(36), primary_key=True),
    Column("account", String(36)),
    Column("label", Text),
    Column("hash", String(64)),
    Column("scopes", JSON),
    Column("created_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)
#: Codes for whoever lost the second factor; each is deleted when it is used.
recoveries = Table(
    "identity_recoveries",
    _META,
    Column("account", String(36), primary_key=True),
    Column("hash", String(64), primary_key=True),
)
