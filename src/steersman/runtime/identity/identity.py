"""Everything about identity that the rest of the platform uses, put together once for a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.contract.service import Service
from steersman.model.errors import Conflict, Unauthenticated
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant
from steersman.runtime.database.migrate import migrate
from steersman.runtime.identity import accounts, factor, passkeys, sessions, tables
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.delegation import Delegation
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.factor import SecondFactor
from steersman.runtime.identity.fetching import PlainFetch
from steersman.runtime.identity.first import FirstAdmin
from steersman.runtime.identity.keyring import Keyring
from steersman.runtime.identity.localkey import LocalKey
from steersman.runtime.identity.login import REFUSED, Arrival, Login, Proof, SignedIn, begun, row_by_id
from steersman.runtime.identity.once import Once
from steersman.runtime.identity.outside import Outside
from steersman.runtime.identity.passkeys import Credential, Passkeys, RelyingParty
from steersman.runtime.identity.passwords import Passwords
from steersman.runtime.identity.possessions import Possessions
from steersman.runtime.identity.providers import Provider
from steersman.runtime.identity.roles import Standing, standing_roles
from steersman.runtime.identity.sealing import Sealing, revealing, totp_column
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.identity.tokens import LIFETIME_SECONDS, AccessTokens, Refused

REFRESH_REFUSED = "the refresh token is not valid"
_NS, _HOUR_MS = 1_000_000_000, 3_600_000


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client keeps: the one for requests, and the one to get the next pair with."""

    access: str
    refresh: str
    expires_in: int = LIFETIME_SECONDS
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """The parts, and what needs more than one of them."""

    ports: Ports
    settings: IdentitySettings
    standing: Standing
    passwords: Passwords
    factor: SecondFactor
    ring: Keyring
    tokens: AccessTokens
    evidence: Evidence
    admission: Admission
    login: Login
    local: LocalKey
    first: FirstAdmin
    once: Once
    passkeys: Passkeys
    delegation: Delegation
    outside: Outside
    possessions: Possessions

    @classmethod
    def open(cls, ports: Ports, services: Sequence[Service], settings: IdentitySettings) -> Identity:
        """Bring the tables up to date and read the keys; raises `Permanent` where these are damaged."""
        migrate(ports.database, [tables.LINEAGE])
        ring = Keyring(ports.data_dir / "secrets", ports.clock.wall_ns() // _NS, settings.signing_algorithm)
        tokens = AccessTokens(ring, ports.clock, ports.ids, settings.named_issuer, settings.audience)
        evidence = Evidence(ports.clock, ports.ids, ports.database, ports.journal)
        passwords, standing = Passwords(settings.breached_passwords), standing_roles(services)
        sealing, fetch, reveal = Sealing(ring.ring.derivation), PlainFetch(ports.clock), revealing(ports)
        factor = SecondFactor(totp_column(ring.ring.derivation, ports), settings.issuer)
        providers = {name: Provider(one, fetch, ports.clock, reveal) for name, one in settings.providers.items()}
        once = Once(ring.ring.derivation, ports.clock)
        local = LocalKey(ports.data_dir / "secrets", settings.local_key)
        idle_ms = settings.idle_hours * _HOUR_MS
        admission = Admission(tokens, ports.database, ports.clock, standing, evidence, local=local, idle_ms=idle_ms)
        return cls(
            ports=ports,
            settings=settings,
            standing=standing,
            passwords=passwords,
            factor=factor,
            ring=ring,
            tokens=tokens,
            evidence=evidence,
            admission=admission,
            delegation=Delegation(ports, tokens, admission, evidence),
            outside=Outside(ports, providers, once, sealing, evidence),
            possessions=Possessions(ports, admission, standing),
            login=Login(ports, passwords, factor, evidence),
            local=local,
            first=FirstAdmin(ports, passwords, evidence),
            once=once,
            passkeys=Passkeys(once, ports.ids, settings.named_issuer),
        )

    def first_pair(self, signed_in: SignedIn) -> TokenPair:
        """Return the tokens of a session that has just begun."""
        return TokenPair(self.tokens.issue(signed_in.account, signed_in.session), signed_in.token)

    def refreshed(self, token: str, address: str, client: str = "") -> TokenPair:
        """Exchange a refresh token, a client's only for that client; raises `Unauthenticated`. Blocks."""
        rotation = self._rotated(token, client)
        if rotation.successor:
            return TokenPair(self.tokens.issue(rotation.account, rotation.session), rotation.successor)
        if rotation.outcome is sessions.Outcome.REUSED:
            self.admission.forget(lambda caller: caller.session == rotation.session)
        told = {"reason": rotation.outcome.value, "address": address}
        self.evidence.note("identity.refresh.refused", rotation.session or "unknown", told)
        raise Unauthenticated(REFRESH_REFUSED)

    def _rotated(self, token: str, client: str) -> sessions.Rotation:
        derivation, database = self.ring.ring.derivation, self.ports.database
        with database.reading() as connection:
            if sessions.holder_of(connection, token) != client:
                return sessions.Rotation(sessions.Outcome.UNKNOWN)
            again = sessions.repeated(connection, token, derivation, self.now_ms())
        if again is not None and again.outcome is not sessions.Outcome.REUSED:
            return again
        with database.transaction() as transaction:
            rotation = sessions.rotate(transaction, token, derivation, self.now_ms())
            if rotation.outcome is sessions.Outcome.REUSED:
                self._tell(transaction, "nobody", "identity.session.ended", rotation.session, {"why": "reused token"})
        return rotation

    def shows_local_key(self, token: bytes, address: str) -> bool:
        """Tell whether that is the key of this machine's operator, from where it opens. Blocks for a moment."""
        try:
            return self.admission.is_operator(token, address)
        except Refused as refused:
            self.evidence.note("identity.token.refused", address or "unknown", {"reason": refused.reason})
            return False

    def welcome(self, account: str, address: str, agent: str, how: str) -> SignedIn:
        """Begin a session of the console for somebody who has shown who they are; raises `Unauthenticated`. Blocks."""
        with self.ports.database.transaction() as transaction:
            return self._begun(transaction, account, Arrival(address, agent, how))

    def _begun(self, transaction: Any, account: str, arrival: Arrival) -> SignedIn:
        row = row_by_id(transaction, account)
        if row is None or row.disabled:
            raise Unauthenticated(REFUSED)
        return begun(self.ports, transaction, row, sessions.begin_cookie, arrival)

    def end_session(self, caller: Caller, id: str, why: str) -> bool:
        """End one session of the caller's own account; tell whether there was such a one. Blocks."""
        with self.ports.database.transaction() as transaction:
            mine = {row.id for row in sessions.list_sessions(transaction, caller.account, self.now_ms())}
            if id not in mine:
                return False
            sessions.end(transaction, id, why, self.now_ms())
            self._tell(transaction, caller.subject, "identity.session.ended", id, {"why": why}, caller.tenant)
        self.admission.forget(lambda one: one.session == id)
        return True

    def end_sessions(self, caller: Caller, account: str, why: str, *, but: str = "") -> int:
        """End every session of an account except one; return how many. Blocks."""
        with self.ports.database.transaction() as transaction:
            ended = sessions.end_all(transaction, account, why, self.now_ms(), but=but)
            for one in ended:
                self._tell(transaction, caller.subject, "identity.session.ended", one, {"why": why}, caller.tenant)
        self.forget_account(account)
        return len(ended)

    def change_password(self, caller: Caller, password: str) -> int:
        """Give a caller another password; their other sessions end, and how many is returned. Blocks."""
        hashed, why = self.passwords.chosen(password, caller.subject), "the password was changed"
        with self.ports.database.transaction() as transaction:
            accounts.change_account(transaction, Id(caller.account), password=hashed)
            ended = sessions.end_all(transaction, caller.account, why, self.now_ms(), but=caller.session)
            told = {"sessions_ended": len(ended)}
            self._tell(transaction, caller.subject, "identity.password.changed", caller.account, told, caller.tenant)
        self.forget_account(caller.account)
        return len(ended)

    def is_recent(self, caller: Caller) -> bool:
        """Tell whether a caller has shown lately, in this session, who they are. Blocks."""
        with self.ports.database.reading() as connection:
            return sessions.is_recent(connection, caller.session, self.now_ms())

    def has_password(self, caller: Caller) -> bool:
        """Tell whether a caller could give a password at all. Blocks."""
        with self.ports.database.reading() as connection:
            row = row_by_id(connection, caller.account)
        return row is not None and row.password is not None

    def change_email(self, caller: Caller, email: str) -> None:
        """Give a caller another address. Blocks."""
        with self.ports.database.transaction() as transaction:
            accounts.change_account(transaction, Id(caller.account), email=email)
            told = {"what": "email"}
            self._tell(transaction, caller.subject, "identity.account.changed", caller.account, told, caller.tenant)

    def set_factor(self, caller: Caller, secret: str | None, step: int | None = None) -> list[str]:
        """Switch a caller's second factor on, with the step that confirmed it, or off; returns recovery codes."""
        codes: list[str] = []
        with self.ports.database.transaction() as transaction:
            if secret is None:
                self.factor.switch_off(transaction, caller.account)
            else:
                codes = self.factor.switch_on(transaction, caller.account, secret, step)
            told = {"on": secret is not None}
            self._tell(transaction, caller.subject, "identity.factor.changed", caller.account, told, caller.tenant)
        return codes

    def add_passkey(self, caller: Caller, party: RelyingParty, name: str, credential: Credential) -> str:
        """Register a passkey for a caller and return its id. Blocks."""
        with self.ports.database.transaction() as transaction:
            made = self.passkeys.register(transaction, party, caller, name, credential, self.now_ms())
            told = {"passkey": made}
            self._tell(transaction, caller.subject, "identity.passkey.added", caller.account, told, caller.tenant)
        return made

    def rename_passkey(self, caller: Caller, id: str, name: str) -> None:
        """Call one of a caller's passkeys something else. Blocks."""
        with self.ports.database.transaction() as transaction:
            passkeys.rename(transaction, caller.account, id, name)

    def remove_passkey(self, caller: Caller, id: str) -> None:
        """Remove a passkey of a caller; without another none is asked for after the password any more. Blocks."""
        with self.ports.database.transaction() as transaction:
            passkeys.remove(transaction, caller.account, id)
            if not passkeys.rows_of(transaction, caller.account):
                accounts.change_account(transaction, Id(caller.account), asks_passkey=False)
            told = {"passkey": id}
            self._tell(transaction, caller.subject, "identity.passkey.removed", caller.account, told, caller.tenant)

    def ask_passkey(self, caller: Caller, *, on: bool) -> list[str]:
        """Ask a caller for a passkey after the password from now on, or not; returns new recovery codes. Blocks."""
        codes: list[str] = []
        with self.ports.database.transaction() as transaction:
            if on and not passkeys.rows_of(transaction, caller.account):
                raise Conflict("register a passkey first")
            if on:
                codes = self.factor.ask_passkey(transaction, caller.account)
            else:
                accounts.change_account(transaction, Id(caller.account), asks_passkey=False)
            told = {"on": on, "kind": "passkey"}
            self._tell(transaction, caller.subject, "identity.factor.changed", caller.account, told, caller.tenant)
        return codes

    def renew_recovery(self, caller: Caller) -> list[str]:
        """Put new recovery codes in the place of a caller's old ones; raises `Conflict` without a second factor."""
        with self.ports.database.transaction() as transaction:
            row = row_by_id(transaction, caller.account)
            if row is None or not self.factor.is_asked(row):
                raise Conflict("set up a second factor first: a recovery code stands in for it")
            codes = factor.renew_recovery(transaction, caller.account)
            told = {"on": True, "kind": "recovery codes"}
            self._tell(transaction, caller.subject, "identity.factor.changed", caller.account, told, caller.tenant)
        return codes

    def enter_by_passkey(
        self, party: RelyingParty, bound: str, credential: Credential, arrival: tuple[str, str]
    ) -> SignedIn:
        """Begin a session of the console for whoever holds a passkey; raises `Unauthenticated`. Blocks."""
        address, agent = arrival
        try:
            with self.ports.database.transaction() as transaction:
                account = self.passkeys.check(transaction, party, bound, credential, self.now_ms())
                return self._begun(transaction, account, Arrival(address, agent, "passkey"))
        except Unauthenticated:
            told = {"reason": "passkey", "address": address}
            self.evidence.note("identity.login.refused", "unknown", told)
            raise Unauthenticated(passkeys.REFUSED) from None

    def proof_by_passkey(self, party: RelyingParty, bound: str, credential: Credential) -> Proof:
        """Return what tells, inside the transaction of a sign-in, whether an account's own passkey signed this."""

        def proven(transaction: Any, account: str) -> bool:
            try:
                return self.passkeys.check(transaction, party, bound, credential, self.now_ms()) == account
            except Unauthenticated:
                return False

        return proven

    def show_again(self, caller: Caller, *, passkey: tuple[RelyingParty, str, Credential] | None = None) -> None:
        """Note that a caller has shown once more who they are; raises `Unauthenticated` for another's passkey."""
        with self.ports.database.transaction() as transaction:
            if passkey is not None:
                party, bound, credential = passkey
                if self.passkeys.check(transaction, party, bound, credential, self.now_ms()) != caller.account:
                    raise Unauthenticated(passkeys.REFUSED)
            sessions.shown_again(transaction, caller.session, self.now_ms())

    def rotate_signing(self, caller: Caller) -> str:
        """Sign with the next key from now on and return its name. Blocks."""
        kid = self.ring.rotate(self.now_ms() // 1000).kid
        with self.ports.database.transaction() as transaction:
            self._tell(transaction, caller.subject, "identity.keys.rotated", kid, {"how": "by hand"}, caller.tenant)
        return kid

    def revoke_local_key(self, caller: Caller) -> None:
        """Take back the key in the data directory. Blocks."""
        with self.ports.database.transaction() as transaction:
            told = {"label": "the key in the data directory"}
            self._tell(transaction, caller.subject, "identity.key.revoked", "bootstrap", told, caller.tenant)
            self.local.revoke()

    def forget_account(self, account: str) -> None:
        """Let the next request of an account ask the database again."""
        self.admission.forget(lambda caller: caller.account == account)

    def now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000

    def _tell(
        self,
        transaction: Any,
        actor: str,
        type: str,
        subject: str,
        payload: Mapping[str, Any],
        tenant: Tenant = DEFAULT_TENANT,
    ) -> None:
        ports = self.ports
        entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), tenant, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])
