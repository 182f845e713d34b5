"""The Ed25519 key that signs checkpoints, in the data directory, and the only place that signs and verifies.

It is made once. A key that is missing or damaged while there are checkpoints is never replaced in silence: whoever
holds the older checkpoints would see another key and could not tell an accident from a forgery.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from steersman.engine.audit.checkpoint import Checkpoint, Note, NoteKey
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile, sync_folder

KEY_FILE = Path("secrets") / "audit-key"
#: Where a new key waits until the database says that it is in charge.
NEXT_FILE = Path("secrets") / "audit-key-next"
#: What the ring seals both for.
PURPOSE = "audit signing"
PUBLIC_FILE = Path("audit") / "public-key"
_ORIGIN_CHARACTERS = 16
#: What a person does when there is no way back to the key.
ANEW = "or begin a new log with `steersman audit anew`, which keeps the old evidence aside"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs checkpoints; the origin of the log is its fingerprint."""

    private: Ed25519PrivateKey
    public: NoteKey

    @classmethod
    def of(cls, private: Ed25519PrivateKey, name: str = "") -> SigningKey:
        """Return the key under the name of the log: the fingerprint of its first key."""
        raw = private.public_key().public_bytes_raw()
        return cls(private, NoteKey(name or f"steersman/{sha256(raw).hexdigest()[:_ORIGIN_CHARACTERS]}", raw))

    def sign(self, size: int, root: bytes, time_ns: int) -> Note:
        checkpoint = Checkpoint(self.public.name, size, root, time_ns)
        signature = self.private.sign(checkpoint.text().encode())
        return Note(checkpoint, self.public.name, self.public.id, signature)


def new_key(name: str = "") -> SigningKey:
    return SigningKey.of(Ed25519PrivateKey.generate(), name)


def private_bytes(key: SigningKey) -> bytes:
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def check_signature(key: NoteKey, signature: bytes, content: bytes, what: str) -> None:
    """Raise `InvalidInput` unless this key signed this content."""
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, content)
    except InvalidSignature as error:
        raise InvalidInput(f"the signature of {what} is wrong") from error


def current(data_dir: Path, wanted: NoteKey, file: KeyFile = IN_THE_CLEAR) -> SigningKey:
    """Return the key that the database says is in charge, moving it into place where a rotation was cut short.

    Raises `Permanent` with the next step where it is neither in its place nor on the way there.
    """
    path, coming = data_dir / KEY_FILE, data_dir / NEXT_FILE
    if not _is(path, wanted, file) and _is(coming, wanted, file):
        # Another process may do the same at this moment.
        with suppress(FileNotFoundError):
            file.move(coming, path)
    if path.exists() and not _is(path, wanted, file):
        _load(path, file, signed_before=True)
        raise Permanent(
            f"{path} is not the key that the database names, {wanted.id.hex()}: restore this file from the newest "
            f"backup of the data directory, {ANEW}"
        )
    if not path.exists():
        raise _gone(path)
    key = SigningKey.of(_load(path, file, signed_before=True).private, wanted.name)
    _settle(data_dir, key, file)
    return key


def _is(path: Path, wanted: NoteKey, file: KeyFile) -> bool:
    if not path.exists():
        return False
    private = _parsed(path, file)
    return private is not None and private.public_key().public_bytes_raw() == wanted.public


def _gone(path: Path) -> Permanent:
    return Permanent(
        f"{path} is missing, and checkpoints of the journal were signed with it: restore this file from a backup "
        f"of the data directory, {ANEW}"
    )


def load_or_make(data_dir: Path, *, signed_before: bool, file: KeyFile = IN_THE_CLEAR) -> SigningKey:
    """Return the first key of a log, made now when nothing was ever signed.

    Raises `Permanent` with the next step for a key that is damaged, open to others, or gone though it signed something.
    """
    path = data_dir / KEY_FILE
    if path.exists():
        key = _load(path, file, signed_before=signed_before)
    elif signed_before:
        raise _gone(path)
    else:
        key = new_key()
        file.write(path, private_bytes(key))
    _settle(data_dir, key, file)
    return key


def _settle(data_dir: Path, key: SigningKey, file: KeyFile) -> None:
    """Seal what a version before left in the clear, and publish the public half."""
    for path in (data_dir / KEY_FILE, data_dir / NEXT_FILE):
        if path.exists() and not exposed_key(path) and _parsed(path, file) is not None:
            file.renew(path)
    public = f"{key.public.text()}\n".encode()
    if not (data_dir / PUBLIC_FILE).exists() or (data_dir / PUBLIC_FILE).read_bytes() != public:
        # A rotation and the platform beside it may both do this now: each has a draft of its own.
        place(data_dir / PUBLIC_FILE, public, draft=f"{PUBLIC_FILE.name}.{os.getpid()}.new")


def _load(path: Path, file: KeyFile, *, signed_before: bool) -> SigningKey:
    if exposed := exposed_key(path):
        raise Permanent(f"{exposed}; run `chmod 600 {path}`, and if others had access, {ANEW.removeprefix('or ')}")
    private = _parsed(path, file)
    if private is None:
        step = f"restore this file from a backup of the data directory, with the key ring beside it, {ANEW}"
        if not signed_before:
            step = "nothing was signed with it yet, so delete it and start again"
        raise Permanent(f"{path} is damaged, it does not hold an Ed25519 key: {step}")
    return SigningKey.of(private)


def _parsed(path: Path, file: KeyFile) -> Ed25519PrivateKey | None:
    try:
        private = load_pem_private_key(file.read(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm, FileNotFoundError):
        # A rotation beside this process may have moved it just now.
        return None
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}; give it to the user that runs Steersman") from error
    return private if isinstance(private, Ed25519PrivateKey) else None


def exposed_key(path: Path) -> str | None:
    """Say so when others than the owner may read or write the key, or when it is not there."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return f"{path} is gone: no checkpoint can be signed after the next start"
    return f"{path} has mode {mode:04o}: others than its owner may sign with it" if mode & 0o077 else None


def public_key(data_dir: Path) -> NoteKey:
    """Return the public key of a data directory for a verification; raises `Permanent` without one."""
    path = data_dir / PUBLIC_FILE
    try:
        return NoteKey.parse(path.read_text("utf-8"))
    except (OSError, InvalidInput, UnicodeDecodeError) as error:
        raise Permanent(
            f"{path} is missing or damaged: give --key FILE with a copy of the public key, or start the platform once, "
            "which writes it again from the signing key"
        ) from error


def place(path: Path, content: bytes, draft: str = "") -> None:
    """Put a small private file in place so that a kill or a power cut leaves all of it or none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(draft or f"{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)
