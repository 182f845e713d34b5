"""What an account's sign-ins are usually like, and what of a new one it never had.

One thing that is new is nobody's fault: people travel, and buy telephones. Whoever administers is watched more closely,
because their account is worth more: there the second sign-in is compared already, elsewhere the sixth.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from steersman.services.security.logic.networks import home_of

_KNOWN, _KNOWN_OF_ADMIN = 5, 1
#: How many sign-ins in an hour are many.
_MANY, _HOUR = 10, 3600.0
_HOURS_APART = 3
_MOST = 200
#: A program renews itself every few weeks, and is still the same one.
_VERSION = re.compile(r"[0-9._]+")


@dataclass(frozen=True, slots=True)
class SignIn:
    """When, from which address and with what program somebody signed in; seconds since 1970."""

    at: float
    address: str
    agent: str = ""

    @property
    def program(self) -> str:
        return _VERSION.sub("", self.agent)


@dataclass(slots=True)
class Habits:
    """From where, with what and when an account signs in."""

    administers: bool = False
    networks: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    hours: set[int] = field(default_factory=set)
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    count: int = 0

    def take(self, one: SignIn) -> None:
        """Get used to a sign-in."""
        self.count += 1
        self.lately.append(one.at)
        self.hours.add(_hour(one))
        for known, value in ((self.networks, home_of(one.address)), (self.programs, one.program)):
            if len(known) < _MOST:
                known.add(value)

    def odd(self, one: SignIn) -> list[str]:
        """Return what of a sign-in is new, in words; nothing while too little is known."""
        if self.count < (_KNOWN_OF_ADMIN if self.administers else _KNOWN):
            return []
        found = []
        if home_of(one.address) not in self.networks:
            found.append("from a network")
        if one.agent and one.program not in self.programs:
            found.append("with a program")
        if self.count >= _KNOWN and all(_apart(_hour(one), hour) > _HOURS_APART for hour in self.hours):
            found.append("at an hour")
        if sum(one.at - earlier < _HOUR for earlier in (*self.lately, one.at)) > _MANY:
            found.append("at a rate")
        return found


def _hour(one: SignIn) -> int:
    return int(one.at // _HOUR) % 24


def _apart(one: int, other: int) -> int:
    return min((one - other) % 24, (other - one) % 24)
