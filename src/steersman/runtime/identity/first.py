"""The first administrator: made once, by whoever holds the token that was printed at the start.

There is no default account. While there is no administrator, each start makes a new token, good for a day and for one
account, kept in the data directory for its owner only. Wrong, expired and used ones are refused alike.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import exists, or_, select

from steersman.contract.ports import JournalEntry, Ports
from steersman.model.errors import Conflict, Unauthenticated
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.datadir import replace_file
from steersman.runtime.identity import accounts, tables
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.names import checked_name
from steersman.runtime.identity.passwords import Passwords

if TYPE_CHECKING:
    from sqlalchemy import Connection

_log = structlog.get_logger(__name__)

REFUSED = "this link was used, has expired or is another one: restart the platform, and a new one is printed"
LIFETIME_SECONDS = 24 * 3600
_FILE = "setup-token"
_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Offers the token and takes it back for an account."""

    ports: Ports
    passwords: Passwords
    evidence: Evidence

    def offer(self) -> str | None:
        """Make a new token and return it, or None where there is an administrator already, or no room to keep it.

        A full disk must not keep the platform from starting: who frees it may well have to look at it first.
        """
        with self.ports.database.reading() as connection:
            if has_admin(connection):
                self._file.unlink(missing_ok=True)
                return None
        token = secrets.token_urlsafe(32)
        content = json.dumps({"token": token, "expires_s": self._now_s() + LIFETIME_SECONDS})
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._file.with_suffix(".new"), self._file, content.encode())
        except OSError as error:
            _log.warning("no way to the first account can be offered", reason=error.strerror, file=str(self._file))
            return None
        return token

    def is_wanted(self) -> bool:
        """Tell whether there is no administrator yet. It asks the database."""
        with self.ports.database.reading() as connection:
            return not has_admin(connection)

    def create(self, token: str, name: str, password: str, address: str) -> Account:
        """Make the first administrator; raises `Unauthenticated` for the token, `InvalidInput` for what was chosen.

        A name or a password that is not accepted uses nothing up. Of two callers at once one is refused: the file of
        the token can be taken away only once.
        """
        if not self._holds(token):
            self.evidence.note("identity.setup.refused", address or "unknown", {})
            raise Unauthenticated(REFUSED)
        form = checked_name(name)
        hashed = self.passwords.chosen(password, form)
        ids, now_ms = self.ports.ids, self.ports.clock.wall_ns() // 1_000_000
        account = Account(ids.new(), DEFAULT_TENANT, form, "", Kind.PERSON, False, now_ms, (_ADMIN,))
        with self.ports.database.transaction() as transaction:
            if has_admin(transaction):
                raise Conflict("there is an administrator already: sign in, or ask them")
            self._claim()
            accounts.add_account(transaction, account, hashed)
            told = {"name": form, "roles": [_ADMIN], "how": "the set-up token", "address": address}
            entry = JournalEntry(
                ids.new(), now_ms * 1_000_000, DEFAULT_TENANT, form, "identity.account.added", account.id, told
            )
            self.ports.journal.append(transaction, [entry])
        return account

    @property
    def _file(self) -> Path:
        return self.ports.data_dir / "secrets" / _FILE

    def _holds(self, token: str) -> bool:
        try:
            kept = json.loads(self._file.read_bytes())
            fits = hmac.compare_digest(str(kept["token"]).encode(), token.encode("utf-8", "surrogatepass"))
            return fits and self._now_s() < int(kept["expires_s"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _claim(self) -> None:
        try:
            self._file.unlink()
        except FileNotFoundError:
            raise Unauthenticated(REFUSED) from None

    def _now_s(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000_000


def has_admin(connection: Connection, tenant: Tenant = DEFAULT_TENANT) -> bool:
    """Tell whether a person who may sign in holds the role that may do everything, by themselves or by a group."""
    here = tables.accounts.c.tenant == tenant
    mine = tables.members.c.account == tables.accounts.c.id
    # Of this very account: left to itself, a query that lies two deep would be about the groups of anybody.
    groups = select(tables.members.c.group_id).where(mine).correlate(tables.accounts)
    held = exists().where(
        tables.grants.c.role == _ADMIN,
        or_(tables.grants.c.holder == tables.accounts.c.id, tables.grants.c.holder.in_(groups)),
    )
    found = exists().where(
        here, tables.accounts.c.kind == Kind.PERSON.value, tables.accounts.c.disabled.is_(False), held
    )
    return bool(connection.execute(select(found)).scalar())
