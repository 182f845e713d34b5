"""The values of security: a line to check, and what is remembered of failed logins."""

from __future__ import annotations

from dataclasses import dataclass, field

from steersman.engine.threats import Field


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file to check: a raw request, or a value with the kind of field that it sits in.

    `free_text` names the parameters of a request that hold prose by their schema.
    """

    request: bytes | None = None
    value: str = ""
    field: Field = Field.QUERY
    free_text: tuple[str, ...] = ()


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
