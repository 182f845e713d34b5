"""The tables of identity, and the lineage of their migrations.

Secrets are not in here: passwords are hashes, and of tokens and keys there is only the SHA-256, which is enough for
something random of 256 bits.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text

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
    Column("asks_passkey", Boolean),
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
    "identity_tenant_roles",
    _META,
    Column("tenant", Text, primary_key=True),
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
    Column("authenticated_ms", BigInteger),
    Column("client", String(36)),
    Column("scopes", JSON),
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
#: Public keys of people's authenticators; the private halves never leave those.
passkeys = Table(
    "identity_passkeys",
    _META,
    Column("id", String(36), primary_key=True),
    Column("account", String(36)),
    Column("credential", Text),
    Column("public_key", LargeBinary),
    Column("sign_count", BigInteger),
    Column("name", Text),
    Column("transports", JSON),
    Column("synced", Boolean),
    Column("created_ms", BigInteger),
    Column("used_ms", BigInteger),
)
#: What somebody was asked and may answer once: challenges of passkeys, and sign-ins that are under way elsewhere.
flows = Table(
    "identity_flows",
    _META,
    Column("hash", String(64), primary_key=True),
    Column("kind", Text),
    Column("bound", String(64)),
    Column("content", JSON),
    Column("expires_ms", BigInteger),
)
clients = Table(
    "identity_clients",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("name", Text),
    Column("redirects", JSON),
    Column("scopes", JSON),
    Column("secret", String(64)),
    Column("created_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)
#: A code that was exchanged keeps the session that it became, so that its second use can end that.
codes = Table(
    "identity_codes",
    _META,
    Column("hash", String(64), primary_key=True),
    Column("client", String(36)),
    Column("account", String(36)),
    Column("redirect", Text),
    Column("challenge", String(64)),
    Column("scopes", JSON),
    Column("authenticated_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("session", String(36)),
)
#: Who somebody is at an outside provider: by issuer and subject, never by an address.
links = Table(
    "identity_links",
    _META,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account", String(36)),
    Column("linked_ms", BigInteger),
)
#: Whose things these are. The id stands in every record and never changes; the title is for people.
tenants = Table(
    "identity_tenants",
    _META,
    Column("id", Text, primary_key=True),
    Column("title", Text),
    Column("disabled", Boolean),
    Column("created_ms", BigInteger),
)
#: How often something was taken away from callers; one row.
version = Table("identity_version", _META, Column("id", Integer, primary_key=True), Column("value", BigInteger))
#: From whom, by version, for the other processes.
retractions = Table(
    "identity_retractions",
    _META,
    Column("version", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("about", Text),
    Column("of", Text),
)
