"""The secrets of this installation: kept sealed under a name, resolved at the moment of use, and never remembered.

Whatever is handed out is made known to the logs first, which write it to nobody. The journal gets names, never values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry, MarkedColumn, Ports, Secrets
from steersman.model.errors import InvalidInput, NotFound, Permanent
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.renewal import Progress, Renewal, progress, used_keys
from steersman.runtime.keys.settings import KeySettings
from steersman.runtime.keys.vault import Vault, vault_of
from steersman.runtime.logs import Logs
from steersman.services.secrets.logic.references import Elsewhere, Named, checked_name, parsed
from steersman.services.secrets.model.wire import LONGEST, KeyView, NewValue, RingView, Rotated, SecretView
from steersman.services.secrets.store import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Hiding a shorter text in logs would black out words that only look like it.
_SHORTEST_HIDDEN = 6
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class LookingSafe:
    """What a preview may know: which keys there are."""

    active: str
    retired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Safe:
    """Everything about secrets and keys that the service does. Every method blocks."""

    ports: Ports
    ring: KeyRing
    column: MarkedColumn
    logs: Logs
    vault: Vault | None

    @classmethod
    def open(cls, ports: Ports) -> Safe:
        """Bring the table up to date and mark its column."""
        tables.prepare(ports.database)
        ring = ports.get(KeyRing)
        column = ring.column("secrets_named", "sealed")
        return cls(ports, ring, column, ports.get(Logs), vault_of(ports.settings.section(KeySettings)))

    @property
    def provided(self) -> Mapping[type, Any]:
        return {Secrets: Resolver(self)}

    @property
    def looking(self) -> LookingSafe:
        keys = self.ring.ring.keys
        return LookingSafe(keys[0].id, tuple(key.id for key in keys if key.state == "retired"))

    # ---------------------------------------------------------------------------------------------------- secrets

    def put(self, caller: Caller, name: str, given: NewValue) -> SecretView:
        """Keep a value under a name; raises `InvalidInput`."""
        value = _bytes_of(given)
        self._hide(given.value.get_secret_value())
        now = self.ports.clock.wall_ns() // _MS
        with self.ports.database.transaction() as transaction:
            row = tables.found(transaction, caller.tenant, checked_name(name))
            place, created = (str(self.ports.ids.new()), now) if row is None else (row.id, row.created_ms)
            kept = {"sealed": self.column.seal(place, value), "note": given.note, "changed_ms": now}
            if row is None:
                tables.add(transaction, id=place, tenant=caller.tenant, name=name, created_ms=now, **kept)
            else:
                tables.change(transaction, place, **kept)
            self._tell(transaction, caller, "secrets.secret.set", name, {"new": row is None})
        return SecretView(name=name, note=given.note, created_ms=created, changed_ms=now)

    def names(self, caller: Caller) -> list[SecretView]:
        with self.ports.database.reading() as connection:
            return [_view(row) for row in tables.listed(connection, caller.tenant)]

    def remove(self, caller: Caller, name: str) -> SecretView:
        """Forget a secret; raises `NotFound`."""
        with self.ports.database.transaction() as transaction:
            row = tables.found(transaction, caller.tenant, name)
            if row is None:
                raise NotFound("there is no secret of that name")
            tables.remove(transaction, row.id)
            self._tell(transaction, caller, "secrets.secret.removed", name, {})
        return _view(row)

    def shown(self, caller: Caller, name: str) -> str:
        """Return a value to a person; journalled before they get it. Raises `NotFound`."""
        with self.ports.database.transaction() as transaction:
            row = tables.found(transaction, caller.tenant, name)
            if row is None:
                raise NotFound("there is no secret of that name")
            self._tell(transaction, caller, "secrets.secret.shown", name, {})
        return self._opened(row)

    def value(self, tenant: Tenant, name: str) -> str:
        """Return a value to a part of the platform; raises `Permanent` with the next step."""
        with self.ports.database.reading() as connection:
            row = tables.found(connection, tenant, name)
        if row is None:
            raise Permanent(f"there is no secret {name}: give it one with `steersman secret set {name}`")
        return self._opened(row)

    def elsewhere(self, path: str, field: str) -> str:
        """Return a field of a secret in the vault."""
        if self.vault is None:
            raise Permanent(f"vault:{path} is asked for, and the settings name no vault: set [secrets.vault]")
        value = self.vault.read(path, field)
        self._hide(value)
        return value

    def _opened(self, row: Any) -> str:
        value = self.column.open(row.id, bytes(row.sealed)).decode()
        self._hide(value)
        return value

    def _hide(self, value: str) -> None:
        """Let no log write this: neither as a whole, nor line by line, as tracebacks do."""
        for text in {value, *value.splitlines()}:
            if len(text) >= _SHORTEST_HIDDEN:
                self.logs.hide(text)

    # ------------------------------------------------------------------------------------------------------- keys

    def view(self) -> RingView:
        """Return the ring with what refers to its keys."""
        self.ring.reread()
        with self.ports.database.reading() as connection:
            found = used_keys(self.ring, connection)
        told = progress(self.ring, found)
        keys = [
            KeyView(id=key.id, state=str(key.state), made_s=key.made_s, values=found[key.id])
            for key in self.ring.ring.keys
        ]
        return RingView(keys=keys, sealed=told.sealed, left=told.left, unfinished=told.unfinished)

    def rotate(self, caller: Caller, before: str) -> Rotated:
        """Make a new active key if `before` still is the active one; whoever comes second changes nothing."""
        if self.ring.ring.active.id == before:
            self.ring.rotate(before)
            with self.ports.database.transaction() as transaction:
                self._tell(transaction, caller, "secrets.key.rotated", self.ring.ring.active.id, {"before": before})
        return Rotated(self.ring.ring.active.id, before)

    def destroy(self, caller: Caller, id: str) -> RingView:
        """Forget a retired key for good, after a scan has shown that nothing refers to it."""
        renewal = Renewal(self.ring, self.ports.database)
        renewal.settle()
        self.ring.destroy(id)
        with self.ports.database.transaction() as transaction:
            self._tell(transaction, caller, "secrets.key.destroyed", id, {})
        return self.view()

    def settled(self, caller: Caller, renewal: Renewal) -> Progress:
        """Scan everything, retire what nothing refers to, and journal that."""
        before = set(self.looking.retired)
        told = renewal.settle()
        if new := set(self.looking.retired) - before:
            with self.ports.database.transaction() as transaction:
                for key in sorted(new):
                    self._tell(transaction, caller, "secrets.key.retired", key, {"active": told.active})
        return told

    def _tell(self, transaction: Connection, caller: Caller, type: str, subject: str, payload: dict[str, Any]) -> None:
        ports, actor = self.ports, caller.account or caller.subject
        entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), caller.tenant, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])


@dataclass(frozen=True, slots=True)
class Resolver:
    """The port `Secrets`. It has no looking half: a preview never sees a value."""

    safe: Safe

    def reveal(self, reference: str) -> str:
        found = parsed(reference)
        if isinstance(found, Named):
            return self.safe.value(DEFAULT_TENANT, found.name)
        if isinstance(found, Elsewhere):
            return self.safe.elsewhere(found.path, found.field)
        return reference


def _view(row: Any) -> SecretView:
    return SecretView(name=row.name, note=row.note, created_ms=row.created_ms, changed_ms=row.changed_ms)


def _bytes_of(given: NewValue) -> bytes:
    try:
        value = given.value.get_secret_value().encode()
    except UnicodeEncodeError:
        raise InvalidInput("a secret is text that can be written as UTF-8") from None
    if not 1 <= len(value) <= LONGEST:
        raise InvalidInput(f"a secret has between 1 and {LONGEST} bytes")
    return value
