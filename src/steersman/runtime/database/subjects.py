"""A key for each person whose data stands in the journal, and its destruction.

Entries come in as their writers know things and are kept without a name: `hidden` is called inside the transaction
that stores them. Keys are AES-256-GCM keys, stored encrypted under one in the data directory, and found by a keyed hash
of the subject: the table tells nobody who is in it. Erasing a subject deletes its row and, on SQLite, overwrites the
bytes; its write-ahead log forgets them when it is written over. Backups from before still hold the key until they age
out. Nothing here is remembered in memory, or another process would go on sealing with a key that is destroyed.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, delete, insert, select

from steersman.contract.ports import JournalEntry
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.personal import (
    ADDRESS,
    ADDRESS_PREFIX,
    is_address,
    names,
    person,
    renamed,
    sealed_fields,
)
from steersman.runtime.database.shredding import SEALED, Cipher, Place, seal, unseal
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Caller, Clock, Database, Ids
    from steersman.model.ids import Tenant

MASTER_FILE = Path("secrets") / "audit-subjects-key"
#: What the ring seals that file for.
PURPOSE = "journal subjects"
ERASED_TYPE = "audit.subject.erased"
_KEY_BYTES = 32
#: As NIST SP 800-38D has it for random nonces; a subject's key is used far less than 2 ** 32 times.
_NONCE_BYTES = 12
_ADDRESS_CHARACTERS = 24
_PAGE = 1_000

subject_keys = Table(
    "journal_subjects",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("subject", String(64), unique=True),
    Column("wrapped", LargeBinary),
    Column("created_ns", BigInteger),
)


class Names(Protocol):
    """Who is behind a name, and what the name behind an id is. Both take the connection of an open transaction."""

    def ids(self, connection: Connection, known: Iterable[str]) -> Mapping[str, str]: ...
    def names(self, connection: Connection, ids: Iterable[str]) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class SealedSubjects:
    """Hides persons in entries and opens them again; `master` wraps their keys."""

    master: bytes
    database: Database
    ids: Ids
    clock: Clock
    people: Names

    @classmethod
    def open(
        cls,
        database: Database,
        ids: Ids,
        clock: Clock,
        data_dir: Path,
        people: Names,
        file: KeyFile = IN_THE_CLEAR,
    ) -> SealedSubjects:
        """Load the wrapping key, made now when nothing was ever wrapped; raises `Permanent` with the next step."""
        with database.reading() as connection:
            used = connection.execute(select(subject_keys.c.id).limit(1)).scalar_one_or_none() is not None
        path = data_dir / MASTER_FILE
        if not path.exists() and not used:
            file.write(path, os.urandom(_KEY_BYTES))
        return cls(_master(path, file), database, ids, clock, people)

    def hidden(self, transaction: Connection, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return entries as they are kept: ids for names, a pseudonym for an address, and personal fields sealed."""
        known = self.people.ids(transaction, {name for entry in entries for name in names(entry)})
        plain = [self._without_address(renamed(entry, known)) for entry in entries]
        personal = [(entry, fields) for entry in plain if (fields := sealed_fields(entry))]
        owners = {entry.id: self._hashed(entry.tenant, person(entry)) for entry, _ in personal}
        ciphers = self._ciphers_of(transaction, [(owners[entry.id], entry.time_ns) for entry, _ in personal])
        nonces = _drawn(sum(len(fields) for _, fields in personal))
        kept = {entry.id: _sealed(entry, fields, *ciphers[owners[entry.id]], nonces) for entry, fields in personal}
        return [kept.get(entry.id, entry) for entry in plain]

    def opened(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return entries as they were before they were hidden; what was erased since is told as erased."""
        with self.database.reading() as connection:
            return self._opened(connection, entries)

    def entries(self, tenant: Tenant, subject: str) -> Iterator[JournalEntry]:
        """Yield all that was written about somebody or by them, opened."""
        journal, after = SqlJournal(self.database), 0
        mine = self._key_ids(tenant, subject)
        while page := journal.read(after=after, limit=_PAGE, tenant=tenant):
            yield from self.opened([one for one in page if _is_about(one, subject, mine)])
            after = page[-1].seq

    def erase(self, caller: Caller, subject: str) -> bool:
        """Destroy a subject's key; returns whether there was one. Nothing that was sealed with it can be read again."""
        with self.database.transaction() as transaction:
            if transaction.dialect.name == "sqlite":
                transaction.exec_driver_sql("PRAGMA secure_delete=ON")
            wanted = subject_keys.c.subject == self._hashed(caller.tenant, subject)
            destroyed = transaction.execute(delete(subject_keys).where(wanted)).rowcount > 0
            entry = JournalEntry(
                id=self.ids.new(),
                time_ns=self.clock.wall_ns(),
                tenant=caller.tenant,
                actor=caller.account or caller.subject,
                type=ERASED_TYPE,
                subject=subject,
                payload={"destroyed": destroyed},
            )
            SqlJournal(self.database, self).append(transaction, [entry])
        return destroyed

    def _without_address(self, entry: JournalEntry) -> JournalEntry:
        """Let a pseudonym stand for an address, and for the unknown person who came from it."""
        address = entry.subject if is_address(entry.subject) else None
        given = entry.payload.get(ADDRESS)
        if address is None and entry.subject == "unknown" and isinstance(given, str) and is_address(given):
            address = given
        if address is None:
            return entry
        subject = ADDRESS_PREFIX + self._hashed(entry.tenant, address)[:_ADDRESS_CHARACTERS]
        return replace(entry, subject=subject, payload={**entry.payload, ADDRESS: given or address})

    def _opened(self, connection: Connection, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        used = {value[SEALED].get("key") for entry in entries for value in entry.payload.values() if _is_sealed(value)}
        rows = connection.execute(select(subject_keys).where(subject_keys.c.id.in_(used))) if used else ()
        ciphers: dict[str, Cipher] = {
            row.id: partial(_decrypt, AESGCM(self._unwrapped(row.id, bytes(row.wrapped)))) for row in rows
        }
        known = self.people.names(connection, {name for entry in entries for name in names(entry)})
        return [
            renamed(replace(entry, payload=unseal(entry.payload, entry.id, ciphers.get)), known) for entry in entries
        ]

    def _key_ids(self, tenant: Tenant, subject: str) -> frozenset[str]:
        query = select(subject_keys.c.id).where(subject_keys.c.subject == self._hashed(tenant, subject))
        with self.database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def _ciphers_of(self, transaction: Connection, wanted: Sequence[tuple[str, int]]) -> dict[str, tuple[str, AESGCM]]:
        """Return id and cipher of subjects by their hashes; those without a key get theirs now."""
        # The earliest time of each comes last, and stays.
        times = dict(sorted(wanted, reverse=True))
        if not times:
            return {}
        query = select(subject_keys).where(subject_keys.c.subject.in_(times))
        found = {
            row.subject: (row.id, AESGCM(self._unwrapped(row.id, bytes(row.wrapped))))
            for row in transaction.execute(query)
        }
        made = []
        for hashed in times.keys() - found.keys():
            key_id, key = str(self.ids.new()), AESGCM.generate_key(_KEY_BYTES * 8)
            found[hashed] = (key_id, AESGCM(key))
            wrapped = _encrypt(AESGCM(self.master), _drawn(1), key, _wrapping(key_id))
            made.append({"id": key_id, "subject": hashed, "wrapped": wrapped, "created_ns": times[hashed]})
        if made:
            transaction.execute(insert(subject_keys), made)
        return found

    def _unwrapped(self, key_id: str, wrapped: bytes) -> bytes:
        return _decrypt(AESGCM(self.master), wrapped, _wrapping(key_id))

    def _hashed(self, tenant: Tenant, subject: str) -> str:
        return hmac.digest(self.master, f"{len(tenant)}:{tenant}{subject}".encode(), "sha256").hex()


def _master(path: Path, file: KeyFile) -> bytes:
    try:
        mode, master = path.stat().st_mode, file.read(path)
    except (OSError, ValueError):
        mode, master = 0, b""
    if len(master) != _KEY_BYTES:
        raise Permanent(
            f"{path} is missing or damaged, and personal data in the journal was sealed with it: restore this file "
            "from a backup of the data directory, with the key ring beside it; without them that data cannot be read"
        )
    if mode & 0o077:
        raise Permanent(f"{path} can be read by others: run `chmod 600 {path}`, and find out who had access")
    file.renew(path)
    return master


def _is_sealed(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get(SEALED), Mapping)


def _is_about(entry: JournalEntry, subject: str, keys: frozenset[str]) -> bool:
    if subject in (entry.actor, entry.subject, entry.payload.get("account")):
        return True
    listed = entry.payload.get("members")
    if isinstance(listed, list) and subject in listed:
        return True
    return any(_is_sealed(value) and value[SEALED].get("key") in keys for value in entry.payload.values())


def _wrapping(key_id: str) -> bytes:
    return Place(subject_keys.name, "wrapped", key_id, "master").associated()


def _sealed(
    entry: JournalEntry, fields: frozenset[str], key_id: str, cipher: AESGCM, nonces: Iterator[bytes]
) -> JournalEntry:
    return replace(entry, payload=seal(entry.payload, fields, entry.id, key_id, partial(_encrypt, cipher, nonces)))


def _drawn(count: int) -> Iterator[bytes]:
    """Draw nonces at once: each call of the system lets other threads in between, which costs more than the drawing."""
    drawn = os.urandom(count * _NONCE_BYTES)
    return (drawn[at : at + _NONCE_BYTES] for at in range(0, len(drawn), _NONCE_BYTES))


def _encrypt(cipher: AESGCM, nonces: Iterator[bytes], content: bytes, associated: bytes) -> bytes:
    nonce = next(nonces)
    return nonce + cipher.encrypt(nonce, content, associated)


def _decrypt(cipher: AESGCM, content: bytes, associated: bytes) -> bytes:
    try:
        return cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError) as error:
        raise InvalidInput("what was sealed was changed, moved, or sealed with another key") from error
