"""A key for each person whose data stands in the journal, and its destruction.

Keys are AES-256-GCM keys, stored encrypted under one in the data directory, and found by a keyed hash of the subject's
name: the table tells nobody who is in it. Erasing a subject deletes its row and, on SQLite, overwrites the bytes; its
write-ahead log forgets them when it is written over. Backups from before still hold the key until they age out.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, delete, insert, select

from steersman.engine.audit.shredding import Cipher, Place, seal, unseal
from steersman.model.errors import InvalidInput, Permanent
from steersman.services.audit.store.keys import place as place_file

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database, Ids, JournalEntry
    from steersman.model.ids import Tenant

MASTER_FILE = Path("secrets") / "audit-subjects-key"
_KEY_BYTES = 32
#: As NIST SP 800-38D has it for random nonces; a subject's key is used far less than 2 ** 32 times.
_NONCE_BYTES = 12

subject_keys = Table(
    "audit_subject_keys",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("subject", String(64), unique=True),
    Column("wrapped", LargeBinary),
    Column("created_ns", BigInteger),
)


@dataclass(frozen=True, slots=True)
class Subjects:
    """Seals and opens entries for subjects; `master` wraps their keys."""

    master: bytes
    ids: Ids

    @classmethod
    def open(cls, database: Database, ids: Ids, data_dir: Path) -> Subjects:
        """Load the wrapping key, made now when nothing was ever wrapped; raises `Permanent` with the next step."""
        with database.reading() as connection:
            used = connection.execute(select(subject_keys.c.id).limit(1)).scalar_one_or_none() is not None
        path = data_dir / MASTER_FILE
        if not path.exists() and not used:
            place_file(path, os.urandom(_KEY_BYTES))
        if not path.exists() or len(master := path.read_bytes()) != _KEY_BYTES:
            raise Permanent(
                f"{path} is missing or damaged, and personal data in the journal was sealed with it: restore this file "
                "from a backup of the data directory; without it that data cannot be read any more"
            )
        return cls(master, ids)

    def sealed(
        self, transaction: Connection, entry: JournalEntry, subject: str, fields: Collection[str]
    ) -> JournalEntry:
        """Return the entry with these fields of its payload sealed for a subject, whose key is made when needed."""
        key_id, key = self._key_of(transaction, entry.tenant, subject, entry.time_ns)
        return replace(entry, payload=seal(entry.payload, fields, entry.id, key_id, partial(_encrypt, key)))

    def opened(self, connection: Connection, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return entries as they were before they were sealed; what was erased since is told as erased."""
        known: dict[str, Cipher | None] = {}

        def key_of(key_id: str) -> Cipher | None:
            if key_id not in known:
                known[key_id] = self._decrypting(connection, key_id)
            return known[key_id]

        return [replace(entry, payload=unseal(entry.payload, entry.id, key_of)) for entry in entries]

    def erase(self, database: Database, tenant: Tenant, subject: str) -> bool:
        """Destroy a subject's key; returns whether there was one. Nothing that was sealed with it can be read again."""
        with database.transaction() as transaction:
            if transaction.dialect.name == "sqlite":
                transaction.exec_driver_sql("PRAGMA secure_delete=ON")
            wanted = subject_keys.c.subject == self._hashed(tenant, subject)
            return transaction.execute(delete(subject_keys).where(wanted)).rowcount > 0

    def _key_of(self, transaction: Connection, tenant: Tenant, subject: str, now_ns: int) -> tuple[str, bytes]:
        hashed = self._hashed(tenant, subject)
        query = select(subject_keys.c.id, subject_keys.c.wrapped).where(subject_keys.c.subject == hashed)
        row = transaction.execute(query).one_or_none()
        if row is not None:
            return row.id, self._unwrapped(row.id, bytes(row.wrapped))
        key_id, key = str(self.ids.new()), AESGCM.generate_key(_KEY_BYTES * 8)
        wrapped = _encrypt(self.master, key, _wrapping(key_id))
        values = {"id": key_id, "subject": hashed, "wrapped": wrapped, "created_ns": now_ns}
        transaction.execute(insert(subject_keys).values(**values))
        return key_id, key

    def _decrypting(self, connection: Connection, key_id: str) -> Cipher | None:
        query = select(subject_keys.c.wrapped).where(subject_keys.c.id == key_id)
        wrapped = connection.execute(query).scalar_one_or_none()
        return None if wrapped is None else partial(_decrypt, self._unwrapped(key_id, bytes(wrapped)))

    def _unwrapped(self, key_id: str, wrapped: bytes) -> bytes:
        return _decrypt(self.master, wrapped, _wrapping(key_id))

    def _hashed(self, tenant: Tenant, subject: str) -> str:
        return hmac.new(self.master, f"{len(tenant)}:{tenant}{subject}".encode(), sha256).hexdigest()


def _wrapping(key_id: str) -> bytes:
    return Place(subject_keys.name, "wrapped", key_id, "master").associated()


def _encrypt(key: bytes, content: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, associated)


def _decrypt(key: bytes, content: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError) as error:
        raise InvalidInput("what was sealed was changed, moved, or sealed with another key") from error
