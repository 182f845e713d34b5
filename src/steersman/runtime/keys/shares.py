"""Shares of a key, so many of which give it back and fewer tell nothing: Shamir's scheme over GF(256), byte by byte.

The field is that of AES (x^8 + x^4 + x^3 + x + 1), as in SLIP-39. Products are computed without tables and without a
branch on a secret. A share names the set that it belongs to, how many are needed and its number, and carries a
checksum, so that a person who types it in is told which one is wrong, and that a share of another set is not mixed in.
What comes out is compared with the fingerprint in the set's name. There is no protection against somebody who makes up
a whole set: the ring that the key has to open decides.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from steersman.model.errors import InvalidInput
from steersman.runtime.keys.ring import fingerprint

#: One share is for one person: more than this is no ceremony any more.
MOST = 16
_FORMAT = 1
#: With 64 bits of checksum a share is 55 bytes, which base32 writes without a rest: each sign counts in full.
_FINGERPRINT, _DRAWN, _SECRET, _CHECK = 8, 4, 32, 8
_SET = _FINGERPRINT + _DRAWN
_BYTES = 1 + _SET + 2 + _SECRET + _CHECK
_GROUP, _LINE = 4, 7
#: What hands and eyes mix up; none of the left ones is in the alphabet of base32.
_MISREAD = str.maketrans("018", "OIB")


@dataclass(frozen=True, slots=True)
class Share:
    """One point of the polynomials. `set_id` is the key's fingerprint and what was drawn for this splitting."""

    set_id: bytes
    needed: int
    number: int
    points: bytes

    @property
    def set_name(self) -> str:
        return self.set_id.hex()

    def text(self) -> str:
        """Return what a person writes down: groups of four letters and digits, with a checksum at the end."""
        plain = bytes([_FORMAT]) + self.set_id + bytes([self.needed, self.number]) + self.points
        letters = base64.b32encode(plain + _checksum(plain)).decode()
        groups = [letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP)]
        return "\n".join(" ".join(groups[at : at + _LINE]) for at in range(0, len(groups), _LINE))


def split(secret: bytes, of: int, needed: int) -> list[Share]:
    """Return `of` shares, any `needed` of which give the secret back; raises `InvalidInput` for other numbers."""
    if not 2 <= needed <= of <= MOST:
        raise InvalidInput(f"between 2 and all of the shares are needed, and there are {MOST} at most")
    if len(secret) != _SECRET:
        raise ValueError("a root key has 32 bytes")
    set_id = bytes.fromhex(fingerprint(secret)) + os.urandom(_DRAWN)
    rows = [secret, *(os.urandom(_SECRET) for _ in range(needed - 1))]
    return [Share(set_id, needed, number, _valued(rows, number)) for number in range(1, of + 1)]


def read(text: str) -> Share:
    """Return a share from what was typed; raises `InvalidInput` with what is wrong with it."""
    letters = "".join(text.split()).replace("-", "").upper().translate(_MISREAD)
    try:
        content = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError as error:
        raise InvalidInput("it has signs that no share has") from error
    if len(content) != _BYTES:
        raise InvalidInput(f"it has {len(letters)} signs, and a share has {_letters()}")
    plain, check = content[:-_CHECK], content[-_CHECK:]
    if _checksum(plain) != check:
        raise InvalidInput("its checksum does not fit: a sign is wrong")
    needed, number = plain[1 + _SET], plain[2 + _SET]
    if plain[0] != _FORMAT or number == 0 or needed < 2:
        raise InvalidInput("it is of a format that this version does not know")
    return Share(plain[1 : 1 + _SET], needed, number, plain[3 + _SET :])


def read_all(texts: Iterable[str]) -> list[Share]:
    """Return the shares; raises `InvalidInput` that names each one that is damaged or of another set, by its place."""
    found, wrong = list[tuple[int, Share]](), list[str]()
    for place, text in enumerate(texts, 1):
        try:
            found.append((place, read(text)))
        except InvalidInput as error:
            wrong.append(f"share {place} as typed: {error.message}")
    if found:
        sets = [share.set_id for _, share in found]
        usual = max(sets, key=sets.count)
        wrong += [
            f"share {place} as typed is of the set {share.set_name}, the others are of {usual.hex()}"
            for place, share in found
            if share.set_id != usual
        ]
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return [share for _, share in found]


def combine(shares: Sequence[Share]) -> bytes:
    """Return the secret; raises `InvalidInput` where they are too few, contradict each other or give another key."""
    known = {share.number: share for share in shares}
    if any(known[share.number] != share for share in shares):
        raise InvalidInput("two different shares have one number: at least one of them was made up")
    needed = max((share.needed for share in shares), default=2)
    if len(known) < needed:
        raise InvalidInput(f"{needed} different shares are needed, and these are {len(known)}")
    points = list(known.values())
    secret = interpolated({share.number: share.points for share in points[:needed]}, 0)
    spare = all(
        interpolated({share.number: share.points for share in points[:needed]}, one.number) == one.points
        for one in points[needed:]
    )
    if not spare or fingerprint(secret) != points[0].set_id[:_FINGERPRINT].hex():
        raise InvalidInput("these shares are whole and do not fit together: at least one was made up")
    return secret


def interpolated(points: dict[int, bytes], at: int) -> bytes:
    """Return the values at one place of the polynomials through these points (Lagrange)."""
    total = bytearray(_SECRET)
    for x, values in points.items():
        weight = 1
        for other in points:
            if other != x:
                weight = times(weight, times(other ^ at, _inverse(other ^ x)))
        for place, value in enumerate(values):
            total[place] ^= times(weight, value)
    return bytes(total)


def times(a: int, b: int) -> int:
    """Return the product in AES's field (FIPS 197, 4.2), in the same steps for all operands."""
    product = 0
    for _ in range(8):
        product ^= a & -(b & 1)
        a = (a << 1) ^ (0x11B & -(a >> 7))
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """Return a^254; nought has no inverse and is never asked for, as numbers differ."""
    result, power = 1, a
    for _ in range(7):
        power = times(power, power)
        result = times(result, power)
    return result


def _valued(rows: Sequence[bytes], x: int) -> bytes:
    """Return the polynomials' values; each row holds one coefficient of each, the constant first (Horner)."""
    values = bytearray(_SECRET)
    for row in reversed(rows):
        for place in range(_SECRET):
            values[place] = times(values[place], x) ^ row[place]
    return bytes(values)


def _checksum(plain: bytes) -> bytes:
    return hashlib.sha256(b"steersman share 1" + plain).digest()[:_CHECK]


def _letters() -> int:
    return len(base64.b32encode(bytes(_BYTES)))
