"""Everything about identity that the rest of the platform uses, put together once for a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.contract.service import Service
from steersman.model.errors import Unauthenticated
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.database.migrate import migrate
from steersman.runtime.identity import refreshing, sessions, tables
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.delegation import Delegation
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.factor import SecondFactor
from steersman.runtime.identity.failures import Failures
from steersman.runtime.identity.fetching import PlainFetch
from steersman.runtime.identity.first import FirstAdmin
from steersman.runtime.identity.keyring import Keyring
from steersman.runtime.identity.localkey import LocalKey
from steersman.runtime.identity.login import REFUSED, Arrival, Login, Proof, SignedIn, begun, row_by_id
from steersman.runtime.identity.once import Once
from steersman.runtime.identity.outside import Outside
from steersman.runtime.identity.own import OwnAccount
from steersman.runtime.identity.passkeys import REFUSED as PASSKEY_REFUSED
from steersman.runtime.identity.passkeys import Credential, Passkeys, RelyingParty
from steersman.runtime.identity.passwords import Passwords
from steersman.runtime.identity.possessions import Possessions
from steersman.runtime.identity.providers import Provider
from steersman.runtime.identity.retractions import Retractions
from steersman.runtime.identity.roles import Standing, standing_roles
from steersman.runtime.identity.sealing import Sealing, key_file, revealing, totp_column
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
    own: OwnAccount
    retractions: Retractions

    @classmethod
    def open(cls, ports: Ports, services: Sequence[Service], settings: IdentitySettings) -> Identity:
        """Bring the tables up to date and read the keys; raises `Permanent` where these are damaged."""
        migrate(ports.database, [tables.LINEAGE])
        folder, now_s = ports.data_dir / "secrets", ports.clock.wall_ns() // _NS
        ring = Keyring(folder, now_s, settings.signing_algorithm, key_file(ports))
        tokens = AccessTokens(ring, ports.clock, ports.ids, settings.named_issuer, settings.audience)
        evidence = Evidence(ports.clock, ports.ids, ports.database, ports.journal)
        passwords, standing = Passwords(settings.breached_passwords), standing_roles(services)
        sealing, fetch, reveal = Sealing(ring.ring.derivation), PlainFetch(ports.clock), revealing(ports)
        factor = SecondFactor(totp_column(ring.ring.derivation, ports), settings.issuer)
        providers = {name: Provider(one, fetch, ports.clock, reveal) for name, one in settings.providers.items()}
        once = Once(ring.ring.derivation, ports.clock)
        passkeys = Passkeys(once, ports.ids, settings.named_issuer)
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
            login=Login(ports, passwords, factor, evidence, Failures(ports.clock, ring.ring.derivation)),
            local=local,
            first=FirstAdmin(ports, passwords, evidence),
            once=once,
            passkeys=passkeys,
            own=OwnAccount(ports, passwords, factor, passkeys, admission),
            retractions=Retractions(ports.database, admission.forget),
        )

    def first_pair(self, signed_in: SignedIn) -> TokenPair:
        """Return the tokens of a session that has just begun."""
        return TokenPair(self.tokens.issue(signed_in.account, signed_in.session), signed_in.token)

    def refreshed(self, token: str, address: str, client: str = "") -> TokenPair:
        """Exchange a refresh token, a client's only for that client; raises `Unauthenticated`. Blocks."""
        rotation = self._rotated(token, client)
        if rotation.successor:
            return TokenPair(self.tokens.issue(rotation.account, rotation.session), rotation.successor)
        if rotation.outcome is refreshing.Outcome.REUSED:
            self.admission.forget(lambda caller: caller.session == rotation.session)
        told = {"reason": rotation.outcome.value, "address": address}
        self.evidence.note("identity.refresh.refused", rotation.session or "unknown", told)
        raise Unauthenticated(REFRESH_REFUSED)

    def _rotated(self, token: str, client: str) -> refreshing.Rotation:
        derivation, database = self.ring.ring.derivation, self.ports.database
        with database.reading() as connection:
            if refreshing.holder_of(connection, token) != client:
                return refreshing.Rotation(refreshing.Outcome.UNKNOWN)
            again = refreshing.repeated(connection, token, derivation, self.now_ms())
        if again is not None and again.outcome is not refreshing.Outcome.REUSED:
            return again
        with database.transaction() as transaction:
            rotation = refreshing.rotate(transaction, token, derivation, self.now_ms())
            if rotation.outcome is refreshing.Outcome.REUSED:
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
            raise Unauthenticated(PASSKEY_REFUSED) from None

    def proof_by_passkey(self, party: RelyingParty, bound: str, credential: Credential) -> Proof:
        """Return what tells, inside the transaction of a sign-in, whether an account's own passkey signed this."""

        def proven(transaction: Any, account: str) -> bool:
            try:
                return self.passkeys.check(transaction, party, bound, credential, self.now_ms()) == account
            except Unauthenticated:
                return False

        return proven

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
