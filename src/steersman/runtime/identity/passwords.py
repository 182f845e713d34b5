"""Passwords: which ones are accepted, how they are kept, and how one is compared.

Kept as Argon2id with the parameters below, which OWASP's password storage cheat sheet gives as its first choice. A
password is taken whole, in any script, and normalised by NFKC first, because two keyboards write one accent
differently. There are no rules about which kinds of signs it has to hold. Whoever has no password, or is not known at
all, is compared with a hash of nothing, so that the answer takes as long.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from argon2 import PasswordHasher, Type

from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.comparing.parent import comparing
from steersman.runtime.identity.weak import easily_guessed, is_listed, names_the_person
from steersman.runtime.keys.imported import foreign_hash

#: OWASP, password storage: 19 MiB, two passes, one lane.
TIME_COST, MEMORY_KIB, LANES = 2, 19_456, 1
#: ASVS 5.0, 6.2.1 and 6.2.9: at least 8, better 15, and no less than 64 allowed.
SHORTEST, LONGEST = 12, 128


class Passwords:
    """Checks, hashes and compares. Each takes some 20 ms of a core and 19 MiB: bound how many run at once."""

    def __init__(self, breached: Path | None = None, same: Callable[[str, str], bool] | None = None) -> None:
        self._breached = breached
        #: Compares a hash with a password; one outside of this process where none is given.
        self._same = same or comparing().same
        self._hasher = PasswordHasher(
            time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=32, salt_len=16, type=Type.ID
        )

    def chosen(self, password: str, *names: str) -> str:
        """Return the hash of a new password for whoever has these names; raises `InvalidInput` with what is wrong."""
        text = _normalised(password)
        if text is None or len(text) > LONGEST:
            raise InvalidInput(f"a password has at most {LONGEST} characters, and all of them can be written")
        if min(len(text), len(password)) < SHORTEST:
            raise InvalidInput(f"a password has at least {SHORTEST} characters; a sentence is easy to remember")
        if names_the_person(text, names):
            raise InvalidInput("this password is made of the name that it is for")
        if easily_guessed(text) or self._is_breached(text):
            raise InvalidInput("this password is among those that are tried first: think of another")
        return self._hasher.hash(text)

    def matches(self, stored: str | None, password: str) -> bool:
        """Compare with what is stored; without that, or without a password that could be one, take as long."""
        nobodys, text = self._nobodys, _normalised(password)
        if stored is not None and text is not None and (foreign := foreign_hash(stored)) is not None:
            # Imported from another system, which hashed what was typed as it was.
            return foreign.matches(password)
        possible = stored is not None and text is not None and len(text) <= LONGEST
        same = self._same(stored if possible and stored else nobodys, text if possible and text else "")
        return same and possible

    def is_dated(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters than today's, or by another system."""
        return foreign_hash(stored) is not None or self._hasher.check_needs_rehash(stored)

    def rehashed(self, password: str) -> str:
        """Return a new hash of a password that has just matched."""
        return self._hasher.hash(_normalised(password) or "")

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_bytes(32))

    def _is_breached(self, text: str) -> bool:
        if self._breached is None:
            return False
        try:
            return is_listed(text, self._breached)
        except OSError as error:
            raise Permanent(
                f"the list of leaked passwords {self._breached} cannot be read: {error.strerror}"
            ) from error


def _normalised(password: str) -> str | None:
    """Return the form that is hashed, or None for one that nobody can type: too long, or half a surrogate pair."""
    if len(password) > LONGEST:
        return None
    text = unicodedata.normalize("NFKC", password)
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text
