"""What a person hands on to a client, from the question over the code to the tokens; each step tells the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Forbidden, NotFound, Unauthenticated
from steersman.model.ids import Tenant
from steersman.runtime.identity import clients, sessions
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.clients import Client, Exchange
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.login import row_by_id
from steersman.runtime.identity.roles import beyond
from steersman.runtime.identity.tokens import AccessTokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

REFUSED = "the code is not valid"


@dataclass(frozen=True, slots=True)
class Delegated:
    """The tokens of a client, and how far they reach."""

    access: str
    refresh: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delegation:
    """Registers clients, asks for consent and keeps it. Every method blocks."""

    ports: Ports
    tokens: AccessTokens
    admission: Admission
    evidence: Evidence

    def register(
        self, caller: Caller, name: str, redirects: Sequence[str], scopes: Sequence[str], *, confidential: bool
    ) -> tuple[Client, str]:
        """Add a client and return it with its secret; nobody lets one ask for more than they may do themselves."""
        if more := beyond(scopes, caller.permissions):
            raise Forbidden(f"this is about {more[0]}, which you do not have yourself")
        addresses = tuple(clients.checked_redirect(one) for one in redirects)
        client = Client(self.ports.ids.new(), name, addresses, tuple(sorted(set(scopes))), confidential, self._now_ms())
        with self.ports.database.transaction() as transaction:
            secret = clients.add(transaction, caller.tenant, client)
            told = {"name": name, "redirects": list(addresses), "scopes": list(client.scopes)}
            self._tell(transaction, caller.subject, "identity.client.added", client.id, told, caller.tenant)
        return client, secret

    def list_clients(self, caller: Caller) -> list[Client]:
        """Return the clients of a caller's tenant."""
        with self.ports.database.reading() as connection:
            return clients.list_clients(connection, caller.tenant)

    def revoke(self, caller: Caller, id: str) -> None:
        """End a client and its sessions at once; raises `NotFound`."""
        with self.ports.database.transaction() as transaction:
            ended = clients.revoke(transaction, caller.tenant, id, self._now_ms())
            if ended is None:
                raise NotFound(f"there is no client {id!r}")
            told = {"sessions_ended": len(ended)}
            self._tell(transaction, caller.subject, "identity.client.revoked", id, told, caller.tenant)
        self.admission.forget(lambda one: one.session in ended)

    def client(self, id: str) -> Client | None:
        """Return a living client."""
        with self.ports.database.reading() as connection:
            return clients.find(connection, id)

    def client_for(self, caller: Caller, id: str) -> Client | None:
        """Return a living client that may ask a caller: one that their own tenant registered."""
        with self.ports.database.reading() as connection:
            return clients.find_of(connection, caller.tenant, id)

    def grant(self, caller: Caller, client: Client, redirect: str, challenge: str, scopes: Sequence[str]) -> str:
        """Return a code for what a person agreed to; it reaches no further than client and person both do."""
        narrowed = reach(client, scopes, caller)
        with self.ports.database.transaction() as transaction:
            code = clients.make_code(
                transaction, client.id, caller.account, redirect, challenge, narrowed, self._now_ms()
            )
            told = {"client": client.id, "scopes": narrowed}
            self._tell(transaction, caller.subject, "identity.consent.given", caller.account, told, caller.tenant)
        return code

    def exchange(self, given: Exchange, secret: str, address: str) -> Delegated:
        """Turn a code into tokens, once; raises `Unauthenticated`, always with the same words."""
        session = self.ports.ids.new()
        with self.ports.database.transaction() as transaction:
            if not clients.proves(transaction, given.client, secret):
                found: Any = None
            else:
                found = clients.claim_code(transaction, given, session, self._now_ms())
            if isinstance(found, str):
                self._end_reused(transaction, found)
            if found is not None and not isinstance(found, str):
                return self._begun(transaction, found, session)
        if isinstance(found, str):
            self.admission.forget(lambda one: one.session == found)
        reason = "reused code" if isinstance(found, str) else "code"
        self.evidence.note("identity.login.refused", "client", {"reason": reason, "address": address})
        raise Unauthenticated(REFUSED)

    def _begun(self, transaction: Connection, row: Any, session: Any) -> Delegated:
        account, client = row_by_id(transaction, row.account), clients.find(transaction, row.client)
        if account is None or account.disabled or client is None:
            raise Unauthenticated(REFUSED)
        scopes = list(row.scopes)
        refresh = sessions.begin_for_client(
            transaction, session, row.account, client.id, client.name, scopes, self._now_ms()
        )
        told = {"account": row.account, "client": client.id, "scopes": scopes, "how": "code"}
        self._tell(transaction, account.name, "identity.session.begun", session, told, Tenant(account.tenant))
        extra = {"client_id": client.id, "scope": " ".join(scopes)}
        return Delegated(self.tokens.issue(row.account, session, extra), refresh, tuple(scopes))

    def _end_reused(self, transaction: Connection, session: str) -> None:
        sessions.end(transaction, session, "its code was used twice", self._now_ms())
        self._tell(transaction, "nobody", "identity.session.ended", session, {"why": "reused code"}, Tenant("default"))

    def _tell(
        self, transaction: Connection, actor: str, type: str, subject: str, payload: dict[str, Any], tenant: Tenant
    ) -> None:
        ports = self.ports
        entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), tenant, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])

    def _now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000


def reach(client: Client, asked: Sequence[str], caller: Caller) -> list[str]:
    """Return what of this a client may have, and the person may do."""
    wanted = set(asked) or set(client.scopes)
    return sorted(one for one in wanted & set(client.scopes) if caller.may(one))
