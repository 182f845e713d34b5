"""Whose account it is that an outside provider vouches for, and what it may do.

An account is found by issuer and subject, never by a name or an address: an address is a claim that people can change.
Only where the settings allow it does a verified one lead to the account here that has the same, and then the link is
kept. An account that the provider's settings made has no password, and its roles follow the claims at each sign-in; one
that was here before keeps its own.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Conflict, InvalidInput, NotFound, Permanent, Unauthenticated
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.identity import accounts, sessions, tables
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.idtokens import Unbelievable
from steersman.runtime.identity.login import Arrival, SignedIn, begun, row_by_id
from steersman.runtime.identity.names import checked_name
from steersman.runtime.identity.once import Once
from steersman.runtime.identity.providers import Flow, Provider, mapped_roles
from steersman.runtime.identity.sealing import Sealing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

REFUSED = "the provider did not vouch for anybody who has an account here"
_PURPOSE, _PLACE = "outside", "sign-in elsewhere"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser brought back from a provider."""

    code: str
    state: str
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Outside:
    """Begins sign-ins elsewhere and ends them here. Methods block."""

    ports: Ports
    providers: Mapping[str, Provider]
    once: Once
    sealing: Sealing
    evidence: Evidence

    def begin(self, provider: str, back: str, to: str, caller: Caller | None = None) -> tuple[str, str]:
        """Return where to go, and what the browser keeps; with a caller, the answer links to their account."""
        found = self._provider(provider)
        binding = secrets.token_urlsafe(24)
        state = base64.urlsafe_b64encode(self.once.challenge(_PURPOSE, binding)).rstrip(b"=").decode()
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        account, session = (caller.account, caller.session) if caller is not None else ("", "")
        flow = Flow(provider, state, nonce, verifier, to, binding, account, session)
        try:
            address = found.address(flow, back)
        except Unbelievable as error:
            raise self._refused(error.reason, provider, "") from error
        sealed = self.sealing.seal(json.dumps(asdict(flow)).encode(), _PLACE)
        return address, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def end(self, kept: str, answer: Answer, back: str, arrival: tuple[str, str]) -> tuple[SignedIn | None, str]:
        """Return the new session and where to go on; raises `Unauthenticated`, or `Temporary` of the provider.

        For somebody who linked their account there is no new session.
        """
        flow, address = self._opened(kept), arrival[0]
        if flow is None or not secrets.compare_digest(flow.state.encode(), answer.state.encode("utf-8", "replace")):
            raise self._refused("state", "unknown", address)
        try:
            provider = self._provider(flow.provider)
            provider.check_issuer(answer.issuer)
            # Before the provider is asked: whatever comes of it, this answer was the only one.
            with self.ports.database.transaction() as transaction:
                self.once.spend(transaction, _PURPOSE, flow.binding, _bytes(flow.state))
            claims = provider.claims(flow, answer.code, back)
        except Unbelievable as error:
            raise self._refused(error.reason, flow.provider, address) from error
        with self.ports.database.transaction() as transaction:
            if flow.account:
                self._link_to_caller(transaction, flow, claims)
                return None, flow.to
            row = self._account(transaction, provider, claims)
            if row is not None and not row.disabled:
                how = Arrival(address, arrival[1], f"provider {flow.provider}")
                return begun(self.ports, transaction, row, sessions.begin_cookie, how), flow.to
        raise self._refused("nobody's account", flow.provider, address)

    def _account(self, transaction: Connection, provider: Provider, claims: Mapping[str, Any]) -> Row[Any] | None:
        issuer, subject = provider.settings.issuer, claims["sub"]
        linked = transaction.execute(
            select(tables.links.c.account).where(tables.links.c.issuer == issuer, tables.links.c.subject == subject)
        ).scalar()
        if linked is None:
            linked = self._by_email(transaction, provider, claims) or self._made(transaction, provider, claims)
            if linked is None:
                return None
            self._link(transaction, issuer, subject, linked, "steersman")
        row = row_by_id(transaction, linked)
        follows = provider.settings.roles or provider.settings.default_roles
        if row is not None and row.password is None and follows:
            accounts.set_roles(transaction, row.id, mapped_roles(provider.settings, claims))
        return row

    def _by_email(self, transaction: Connection, provider: Provider, claims: Mapping[str, Any]) -> str | None:
        email = claims.get("email")
        if not provider.settings.link_by_verified_email or claims.get("email_verified") is not True:
            return None
        if not isinstance(email, str) or not email:
            return None
        same = (tables.accounts.c.email == email) & (tables.accounts.c.kind == Kind.PERSON.value)
        found = list(transaction.execute(select(tables.accounts.c.id).where(same)).scalars())
        return found[0] if len(found) == 1 else None

    def _made(self, transaction: Connection, provider: Provider, claims: Mapping[str, Any]) -> str | None:
        if not provider.settings.create_accounts:
            return None
        wanted = claims.get("preferred_username")
        name = _name(wanted if isinstance(wanted, str) else "", self.ports.ids.new())
        if accounts.row_of(transaction, name) is not None:
            # A name here is not taken over by somebody who chose the same one there.
            name = _name("", self.ports.ids.new())
        email = claims.get("email") if claims.get("email_verified") is True else ""
        now_ms = self.ports.clock.wall_ns() // 1_000_000
        roles = tuple(mapped_roles(provider.settings, claims))
        account = Account(
            self.ports.ids.new(), DEFAULT_TENANT, name, str(email or ""), Kind.PERSON, False, now_ms, roles
        )
        accounts.add_account(transaction, account, None)
        told = {"name": name, "roles": list(roles), "how": provider.settings.issuer}
        self._tell(transaction, "steersman", "identity.account.added", account.id, told, DEFAULT_TENANT)
        return account.id

    def _link_to_caller(self, transaction: Connection, flow: Flow, claims: Mapping[str, Any]) -> None:
        now_ms = self.ports.clock.wall_ns() // 1_000_000
        row = sessions.session_row(transaction, id=flow.session, now_ms=now_ms)
        if row is None or row.account != flow.account or not sessions.is_recent(transaction, flow.session, now_ms):
            raise Unauthenticated("sign in again, and link the account then")
        self._link(transaction, self._provider(flow.provider).settings.issuer, claims["sub"], row.account, row.name)

    def _link(self, transaction: Connection, issuer: str, subject: str, account: str, actor: str) -> None:
        same = (tables.links.c.issuer == issuer) & (tables.links.c.subject == subject)
        if transaction.execute(select(tables.links.c.account).where(same)).scalar() is not None:
            raise Conflict("whoever that is at the provider is linked to an account here already")
        now_ms = self.ports.clock.wall_ns() // 1_000_000
        row = {"issuer": issuer, "subject": subject, "account": account, "linked_ms": now_ms}
        transaction.execute(insert(tables.links).values(**row))
        self._tell(transaction, actor, "identity.link.added", account, {"issuer": issuer}, DEFAULT_TENANT)

    def _provider(self, name: str) -> Provider:
        found = self.providers.get(name)
        if found is None:
            raise NotFound("the settings name no such provider")
        return found

    def _opened(self, kept: str) -> Flow | None:
        try:
            return Flow(**json.loads(self.sealing.open(_bytes(kept), _PLACE)))
        except (ValueError, TypeError, Permanent):
            return None

    def _refused(self, reason: str, provider: str, address: str) -> Unauthenticated:
        told = {"reason": f"provider: {reason}", "provider": provider, "address": address}
        self.evidence.note("identity.login.refused", "unknown", told)
        return Unauthenticated(REFUSED)

    def _tell(
        self, transaction: Connection, actor: str, type: str, subject: str, payload: dict[str, Any], tenant: Tenant
    ) -> None:
        ports = self.ports
        entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), tenant, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])


def _name(wanted: str, id: str) -> str:
    try:
        return checked_name(wanted)
    except InvalidInput:
        return f"outside-{id.replace('-', '')[-12:]}"


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
