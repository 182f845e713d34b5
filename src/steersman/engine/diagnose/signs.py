"""The words in which a cause is described: where which aspect shows, which way, and how much that says.

Weights are log-odds, as in naive Bayes: 0.7 doubles the odds, 3 makes them twenty times as good. A negative weight
speaks against the cause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from steersman.model.changes import ChangeKind
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction

#: A sign this heavy is what the cause is known by; without one of them it is not considered at all.
KEY_WEIGHT = 2.5


class Where(StrEnum):
    """Whose findings count, seen from the suspect."""

    OWN = "own"
    CALLERS = "callers"  # what those who call it report about the calls
    DEPENDENTS = "dependents"  # what those who need it suffer themselves
    NEEDS = "needs"  # what it needs
    HOST = "host"  # the machine on which it runs
    CALLS = "calls"  # what it reports about its own calls to others


@dataclass(frozen=True, slots=True)
class Known:
    """A fact in words that can be checked, and how strongly it holds, 0 to 1."""

    text: str
    strength: float = 1.0


class Fact(StrEnum):
    """What is true of a suspect as a whole, and no single finding says."""

    REPEATS = "it keeps coming back"
    HEALTHY_INSIDE = "from inside nothing is wrong"
    EXTERNAL = "it has no telemetry of its own"
    OTHERS_FINE = "others call it without trouble"
    APART = "nobody on the path of the calls needs it"
    GUESTS_SUFFER = "several services on this machine suffer"
    GUEST_BURNS = "a service in the incident uses the processor itself"
    GUEST_DEEPER = "what is wrong with a service on it explains it"
    ORIGIN = "the traffic is high from here on"
    FLOODED = "more is asked of it than usual"
    SURGE = "more is asked of it, and of those who call it"
    IDLE = "less is asked for than usual, and nothing waits"
    NEEDS_TROUBLED = "something it needs is in trouble"
    CHANGED = "it was changed shortly before"
    CALLER_CHANGED = "only callers that were just changed complain about it"
    CALLER_STRAINED = "only callers that are at their own limits complain about it"
    RESOURCE = "one of its own resources is exhausted"
    DOWN = "it does not answer at all"
    CROWDED = "its machine has no processor time left"
    CONSEQUENCE = "those who call it were in trouble before"
    CACHE_COLD = "a cache no longer keeps reads away from it"


@dataclass(frozen=True, slots=True)
class Sign:
    """A finding that is expected: whose, about what, which way (any, when not said)."""

    where: Where
    aspect: Aspect
    weight: float
    directions: frozenset[Direction] = frozenset(Direction)


@dataclass(frozen=True, slots=True)
class Words:
    """Words in log lines and reasons that speak for a cause."""

    pattern: re.Pattern[str]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a cause looks like. `because` is how a title names it, with `{entity}` for the suspect.

    `settle_seconds` is how long it has to be the likeliest before anything is done; what may pass by itself gets
    longer.
    """

    cause: CauseKind
    because: str
    prior: float = 0.0
    signs: tuple[Sign, ...] = ()
    facts: Mapping[Fact, float] = field(default_factory=dict)
    words: tuple[Words, ...] = ()
    changes: Mapping[ChangeKind, float] = field(default_factory=dict)
    settle_seconds: float = 3.0
    keys: frozenset[Aspect] = field(init=False)

    def __post_init__(self) -> None:
        keys = frozenset(sign.aspect for sign in self.signs if sign.weight >= KEY_WEIGHT)
        object.__setattr__(self, "keys", keys)


_UP = frozenset({Direction.HIGH, Direction.NEW})
_DOWN = frozenset({Direction.LOW, Direction.GONE, Direction.STUCK})


def own(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.OWN, aspect, weight)


def high(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.OWN, aspect, weight, _UP)


def low(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.OWN, aspect, weight, _DOWN)


def stuck(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.OWN, aspect, weight, frozenset({Direction.STUCK, Direction.GONE}))


def callers(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.CALLERS, aspect, weight)


def dependents(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.DEPENDENTS, aspect, weight)


def needs(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.NEEDS, aspect, weight, _UP)


def calls(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.CALLS, aspect, weight)


def host(aspect: Aspect, weight: float) -> Sign:
    return Sign(Where.HOST, aspect, weight, _UP)


def words(pattern: str, weight: float) -> Words:
    return Words(re.compile(pattern, re.IGNORECASE), weight)
