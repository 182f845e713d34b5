"""The values of security: what is remembered of failed logins, and how many are too many."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many failures are too many, within so many seconds.

    An account is guarded against one who guesses its password, an address against one who tries a list of accounts. The
    limit of an account is the higher one: whoever knows its name could otherwise lock its owner out.
    """

    window_seconds: float = 900.0
    per_pair: int = 5
    per_account: int = 50
    per_address: int = 20
    accounts_per_address: int = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to log in. `account` is the name that was given, whether it exists or not."""

    at: float
    account: str
    address: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed tries of the window, oldest first. The state that is passed in and handed back."""

    kept: tuple[Attempt, ...] = field(default=())
