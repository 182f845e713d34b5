"""The text of a checkpoint: a signed note as transparency logs write it (C2SP, tlog-checkpoint and signed-note).

Four lines are signed: origin, number of leaves, root hash in base64 and the time; an empty line and the signature
follow, so that other people's tools can read and verify it. Parsing accepts exactly what building writes, because two
texts for one statement would be two statements. Making and verifying signatures is left to whoever holds a key.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from steersman.model.errors import InvalidInput

_DASH = "\u2014 "
_TIME = "time_ns "
_HASH_BYTES = 32
_KEY_ID_BYTES = 4
#: The number of Ed25519 among the kinds of signatures of C2SP's signed notes.
_ED25519 = b"\x01"
_SIGNED_LINES = 4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is stated: at this time the log had so many leaves, and this was the root over them."""

    origin: str
    size: int
    root: bytes
    time_ns: int

    def text(self) -> str:
        """Return what is signed, in UTF-8."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n{_TIME}{self.time_ns}\n"


@dataclass(frozen=True, slots=True)
class NoteKey:
    """An Ed25519 public key with the name under which it signs."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_KEY_ID_BYTES]

    def text(self) -> str:
        """Return the key in one line: name, id and key."""
        return f"{self.name}+{self.id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key's line; raises `InvalidInput`."""
        name, _, rest = text.strip().partition("+")
        kind_and_key = _decoded(rest.partition("+")[2], "a public key")
        key = cls(name, kind_and_key[1:])
        if kind_and_key[:1] != _ED25519 or len(key.public) != _HASH_BYTES or key.text() != text.strip():
            raise InvalidInput("this is not the line of an Ed25519 public key: NAME+ID+KEY")
        return key


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with its one signature; `signed` are the bytes that the signature is over."""

    checkpoint: Checkpoint
    key_name: str
    key_id: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        return self.checkpoint.text().encode()

    def claims(self, key: NoteKey) -> bool:
        """Tell whether the note says that this key signed it."""
        return (self.key_name, self.key_id) == (key.name, key.id)

    def text(self) -> str:
        seal = b64encode(self.key_id + self.signature).decode()
        return f"{self.checkpoint.text()}\n{_DASH}{self.key_name} {seal}\n"


def parse_note(text: str) -> Note:
    """Read a signed checkpoint; raises `InvalidInput` where a single byte is not as it would be written."""
    body, _, seal = text.partition(f"\n\n{_DASH}")
    name, _, encoded = seal.removesuffix("\n").partition(" ")
    signature = _decoded(encoded, "the signature of a checkpoint")
    note = Note(_parse_body(body), name, signature[:_KEY_ID_BYTES], signature[_KEY_ID_BYTES:])
    if note.text() != text:
        raise InvalidInput("this is not a signed checkpoint as this version writes it")
    return note


def split_notes(text: str) -> tuple[list[str], str]:
    """Cut a file of notes apart; returns their texts, and what follows the last complete one."""
    notes, start = [], 0
    while (seal := text.find(f"\n\n{_DASH}", start)) >= 0 and (end := text.find("\n", seal + 2)) >= 0:
        notes.append(text[start : end + 1].lstrip("\n"))
        start = end + 1
    return notes, text[start:].lstrip("\n")


def _parse_body(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) != _SIGNED_LINES or not lines[3].startswith(_TIME):
        raise InvalidInput("a checkpoint has the lines origin, size, root and time")
    origin, size, root, time = lines
    try:
        checkpoint = Checkpoint(origin, int(size), _decoded(root, "a root hash"), int(time.removeprefix(_TIME)))
    except ValueError as error:
        raise InvalidInput("the size and the time of a checkpoint are whole numbers") from error
    if checkpoint.size < 0 or len(checkpoint.root) != _HASH_BYTES or not origin:
        raise InvalidInput("a checkpoint has an origin, a size and a root hash of 32 bytes")
    return checkpoint


def _decoded(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not valid base64") from error
