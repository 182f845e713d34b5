"""People with accounts, sessions and keys in a running platform, and requests in their name."""

from __future__ import annotations

from typing import Any

from steersman.contract.testing import Answer
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.identity import accounts, apikeys, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity

_HOUR_MS = 3_600_000


class People:
    """Makes them, takes roles away, and asks as them. Tokens stand for people."""

    def __init__(self, harness: Any) -> None:
        self.harness = harness
        self.identity: Identity = harness._platform.house.ports.get(Identity)
        self.accounts: dict[str, str] = {}

    def person(self, name: str, *roles: str, kind: Kind = Kind.PERSON) -> str:
        """Return a token of somebody new; an operator where nothing else is said."""
        ports, now = self.identity.ports, self.identity.now_ms()
        with ports.database.transaction() as transaction:
            account = Account(ports.ids.new(), DEFAULT_TENANT, name, "", kind, False, now, roles or ("operator",))
            accounts.add_account(transaction, account, None)
        self.accounts[name] = account.id
        return self.signed_in(name)

    def signed_in(self, name: str) -> str:
        """Return the token of one more session."""
        ports = self.identity.ports
        with ports.database.transaction() as transaction:
            session = ports.ids.new()
            sessions.begin(transaction, session, self.accounts[name], "", "", self.identity.now_ms())
        return self.identity.tokens.issue(self.accounts[name], session)

    def key_of(self, name: str) -> str:
        """Return an API key that may do what its owner may."""
        ports, now = self.identity.ports, self.identity.now_ms()
        with ports.database.transaction() as transaction:
            return apikeys.make(transaction, ports.ids.new(), self.accounts[name], "", ("*",), now, now + _HOUR_MS)

    def roles(self, name: str, *roles: str) -> None:
        """Let somebody hold these roles and no others."""
        with self.identity.ports.database.transaction() as transaction:
            accounts.set_roles(transaction, self.accounts[name], roles)  # type: ignore[arg-type] # an id as text
        self.identity.forget_account(self.accounts[name])

    def disable(self, name: str) -> None:
        with self.identity.ports.database.transaction() as transaction:
            accounts.change_account(transaction, self.accounts[name], disabled=True)  # type: ignore[arg-type] # likewise

    def call(self, token: str, method: str, path: str, body: Any = None) -> Answer:
        self.harness._tokens[frozenset({token})] = token
        answer: Answer = self.harness.call(method, path, frozenset({token}), body)
        return answer
