"""API keys of accounts: no key reaches further than who made it, and a revoked one is out at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steersman.model.errors import NotFound
from steersman.runtime.identity import accounts, apikeys
from steersman.runtime.identity.apikeys import KeyRecord
from steersman.runtime.identity.retractions import About
from steersman.services.identity.store.reach import Reach

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Keys(Reach):
    """Makes and revokes keys on behalf of a caller. Every method blocks."""

    def make_key(self, name: str, label: str, scopes: Sequence[str], days: int) -> tuple[str, str]:
        """Make an API key for an account and return its id and the key."""
        scopes = self.meant(scopes)
        self.demand_own(scopes)
        now_ms, made = self.identity.now_ms(), self.identity.ports.ids.new()
        with self.identity.ports.database.transaction() as transaction:
            account = self.within_reach(transaction, name)
            key = apikeys.make(transaction, made, account.id, label, scopes, now_ms, now_ms + days * _DAY_MS)
            told = {"account": account.id, "scopes": sorted(set(scopes)), "days": days}
            self.tell(transaction, "identity.key.made", made, told)
        return made, key

    def keys_of(self, name: str) -> list[KeyRecord]:
        """Return the keys of an account."""
        with self.identity.ports.database.reading() as connection:
            account = accounts.the_account(connection, self.tenant, name)
            return apikeys.list_keys(connection, account.id)

    def revoke_key(self, id: str) -> None:
        """End a key at once; raises `NotFound` where there is no living one within reach."""
        with self.identity.ports.database.transaction() as transaction:
            owner = apikeys.owner_of(transaction, id) if id.isprintable() else None
            name = None if owner is None else accounts.name_of(transaction, self.tenant, owner)
            if name is None:
                raise NotFound(f"there is no key {id!r}")
            self.within_reach(transaction, name)
            if not apikeys.revoke(transaction, id, self.identity.now_ms()):
                raise NotFound(f"the key {id!r} is revoked already")
            self.tell(transaction, "identity.key.revoked", id, {"account": owner})
            self.take(transaction, About.KEY, id)
        self.forget(About.KEY, id)
