"""What people change about their own account: password, address, second factor, passkeys.

Each is one transaction with its entry in the journal. Whether the caller has shown lately who they are is asked by
whoever calls; nobody changes anybody else's account here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Conflict, Unauthenticated
from steersman.model.ids import Id
from steersman.runtime.identity import accounts, factor, passkeys, sessions
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.factor import SecondFactor
from steersman.runtime.identity.login import row_by_id
from steersman.runtime.identity.passkeys import Credential, Passkeys, RelyingParty
from steersman.runtime.identity.passwords import Passwords


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The caller's own account. Every method blocks."""

    ports: Ports
    passwords: Passwords
    factor: SecondFactor
    passkeys: Passkeys
    admission: Admission

    def is_recent(self, caller: Caller) -> bool:
        """Tell whether a caller has shown lately, in this session, who they are."""
        with self.ports.database.reading() as connection:
            return sessions.is_recent(connection, caller.session, self._now_ms())

    def has_password(self, caller: Caller) -> bool:
        """Tell whether a caller could give a password at all."""
        with self.ports.database.reading() as connection:
            row = row_by_id(connection, caller.account)
        return row is not None and row.password is not None

    def change_password(self, caller: Caller, password: str) -> int:
        """Give a caller another password; their other sessions end, and how many is returned."""
        hashed, why = self.passwords.chosen(password, caller.subject), "the password was changed"
        with self.ports.database.transaction() as transaction:
            accounts.change_account(transaction, Id(caller.account), password=hashed)
            ended = sessions.end_all(transaction, caller.account, why, self._now_ms(), but=caller.session)
            told = {"sessions_ended": len(ended)}
            self._tell(transaction, caller, "identity.password.changed", caller.account, told)
        self.admission.forget(lambda one: one.account == caller.account)
        return len(ended)

    def change_email(self, caller: Caller, email: str) -> None:
        """Give a caller another address."""
        with self.ports.database.transaction() as transaction:
            accounts.change_account(transaction, Id(caller.account), email=email)
            told = {"what": "email"}
            self._tell(transaction, caller, "identity.account.changed", caller.account, told)

    def set_factor(self, caller: Caller, secret: str | None, step: int | None = None) -> list[str]:
        """Switch a caller's second factor on, with the step that confirmed it, or off; returns recovery codes."""
        codes: list[str] = []
        with self.ports.database.transaction() as transaction:
            if secret is None:
                self.factor.switch_off(transaction, caller.account)
            else:
                codes = self.factor.switch_on(transaction, caller.account, secret, step)
            told = {"on": secret is not None}
            self._tell(transaction, caller, "identity.factor.changed", caller.account, told)
        return codes

    def add_passkey(self, caller: Caller, party: RelyingParty, name: str, credential: Credential) -> str:
        """Register a passkey for a caller and return its id."""
        with self.ports.database.transaction() as transaction:
            made = self.passkeys.register(transaction, party, caller, name, credential, self._now_ms())
            told = {"passkey": made}
            self._tell(transaction, caller, "identity.passkey.added", caller.account, told)
        return made

    def rename_passkey(self, caller: Caller, id: str, name: str) -> None:
        """Call one of a caller's passkeys something else."""
        with self.ports.database.transaction() as transaction:
            passkeys.rename(transaction, caller.account, id, name)

    def remove_passkey(self, caller: Caller, id: str) -> None:
        """Remove a passkey of a caller; without another none is asked for after the password any more."""
        with self.ports.database.transaction() as transaction:
            passkeys.remove(transaction, caller.account, id)
            if not passkeys.rows_of(transaction, caller.account):
                accounts.change_account(transaction, Id(caller.account), asks_passkey=False)
            told = {"passkey": id}
            self._tell(transaction, caller, "identity.passkey.removed", caller.account, told)

    def ask_passkey(self, caller: Caller, *, on: bool) -> list[str]:
        """Ask a caller for a passkey after the password from now on, or not; returns new recovery codes."""
        codes: list[str] = []
        with self.ports.database.transaction() as transaction:
            if on and not passkeys.rows_of(transaction, caller.account):
                raise Conflict("register a passkey first")
            if on:
                codes = self.factor.ask_passkey(transaction, caller.account)
            else:
                accounts.change_account(transaction, Id(caller.account), asks_passkey=False)
            told = {"on": on, "kind": "passkey"}
            self._tell(transaction, caller, "identity.factor.changed", caller.account, told)
        return codes

    def renew_recovery(self, caller: Caller) -> list[str]:
        """Put new recovery codes in the place of a caller's old ones; raises `Conflict` without a second factor."""
        with self.ports.database.transaction() as transaction:
            row = row_by_id(transaction, caller.account)
            if row is None or not self.factor.is_asked(row):
                raise Conflict("set up a second factor first: a recovery code stands in for it")
            codes = factor.renew_recovery(transaction, caller.account)
            told = {"on": True, "kind": "recovery codes"}
            self._tell(transaction, caller, "identity.factor.changed", caller.account, told)
        return codes

    def show_again(self, caller: Caller, *, passkey: tuple[RelyingParty, str, Credential] | None = None) -> None:
        """Note that a caller has shown once more who they are; raises `Unauthenticated` for another's passkey."""
        with self.ports.database.transaction() as transaction:
            if passkey is not None:
                party, bound, credential = passkey
                if self.passkeys.check(transaction, party, bound, credential, self._now_ms()) != caller.account:
                    raise Unauthenticated(passkeys.REFUSED)
            sessions.shown_again(transaction, caller.session, self._now_ms())

    def _now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000

    def _tell(self, transaction: Any, caller: Caller, type: str, subject: str, payload: Mapping[str, Any]) -> None:
        ports = self.ports
        now_ns = ports.clock.wall_ns()
        entry = JournalEntry(ports.ids.new(), now_ns, caller.tenant, caller.subject, type, subject, payload)
        ports.journal.append(transaction, [entry])
