"""The text by which one signing key hands the log on to the next: stated by both of them, in one signed note.

The old key vouches for the new one, so whoever kept the old public key can go on; the new one vouches for the old one,
so whoever was given the new one can go back. The name of a log stays that of its first key. An old key is good for
checkpoints up to the size that is stated and for none after it, a new one only for larger ones. Parsing accepts exactly
what building writes. Making and verifying signatures is left to whoever holds keys.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass

from steersman.engine.audit.checkpoint import NoteKey
from steersman.model.errors import InvalidInput

_DASH = "\u2014 "
_TIME = "time_ns "
_TITLE = "key succession"
_BODY_LINES = 6
_KEY_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Succession:
    """What is stated: after checkpoints of up to `size` entries, `new` signs instead of `old`."""

    old: NoteKey
    new: NoteKey
    size: int
    time_ns: int

    def text(self) -> str:
        """Return what both keys sign, in UTF-8."""
        keys = f"{self.old.text()}\n{self.new.text()}"
        return f"{self.old.name}\n{_TITLE}\n{self.size}\n{keys}\n{_TIME}{self.time_ns}\n"


@dataclass(frozen=True, slots=True)
class SignedSuccession:
    """A succession with the signature of each key."""

    stated: Succession
    by_old: bytes
    by_new: bytes

    def text(self) -> str:
        old, new = self.stated.old, self.stated.new
        return f"{self.stated.text()}\n{_seal(old, self.by_old)}{_seal(new, self.by_new)}"


def parse_succession(text: str) -> SignedSuccession:
    """Read a signed succession; raises `InvalidInput` where a single byte is not as it would be written."""
    body, _, seals = text.partition("\n\n")
    lines = body.split("\n")
    if len(lines) != _BODY_LINES or lines[1] != _TITLE or not lines[5].startswith(_TIME):
        raise InvalidInput("the succession of a key has the lines origin, title, size, two keys and time")
    try:
        size, time_ns = int(lines[2]), int(lines[5].removeprefix(_TIME))
        old, new = (_signature(line) for line in seals.splitlines())
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("the succession of a key is not readable") from error
    found = SignedSuccession(Succession(NoteKey.parse(lines[3]), NoteKey.parse(lines[4]), size, time_ns), old, new)
    if found.text() != text or found.stated.old.name != found.stated.new.name or size < 0:
        raise InvalidInput("this is not the succession of a key as this version writes it")
    return found


def _seal(key: NoteKey, signature: bytes) -> str:
    return f"{_DASH}{key.name} {b64encode(key.id + signature).decode()}\n"


def _signature(line: str) -> bytes:
    return b64decode(line.rpartition(" ")[2], validate=True)[_KEY_ID_BYTES:]
