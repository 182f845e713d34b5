"""Tells guessing from forgetting: failed logins for each account, for each address and for both, over a sliding window.

State in, verdict out. Nobody is locked here, and nothing that a stranger does from outside may lock an owner out: the
verdict on an account asks for a slower answer, and only the one on an address, or on an address at an account, for a
refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from steersman.services.security.model import Attempt, AttemptLimits, Failures

#: Failures that are remembered at most; the oldest go first. A flood costs memory once.
MOST_KEPT = 20_000


class Guessing(StrEnum):
    """What the tries look like."""

    NOTHING = "nothing"
    BRUTE_FORCE = "brute_force"
    CREDENTIAL_STUFFING = "credential_stuffing"


class Advice(StrEnum):
    """What would answer it."""

    NOTHING = "nothing"
    SLOW_DOWN = "slow_down"
    REFUSE_ADDRESS = "refuse_address"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The verdict on one attempt, with its reason in figures."""

    guessing: Guessing
    advice: Advice
    reason: str


_NO_SUSPICION = Suspicion(Guessing.NOTHING, Advice.NOTHING, "")


def judged(state: Failures, attempt: Attempt, limits: AttemptLimits) -> tuple[Failures, Suspicion]:
    """Fold one attempt in and return the new state with the verdict.

    Attempts come in the order of time. A success forgets the failures of that address at that account and nothing
    else: whoever owns one account could otherwise wash the tries at all others away.
    """
    recent = _recent(state.kept, attempt.at - limits.window_seconds)
    if attempt.succeeded:
        kept = tuple(one for one in recent if (one.account, one.address) != (attempt.account, attempt.address))
        return Failures(kept), _suspicion(kept, attempt, limits)
    kept = (*recent, attempt)[-MOST_KEPT:]
    return Failures(kept), _suspicion(kept, attempt, limits)


def _recent(kept: Sequence[Attempt], since: float) -> tuple[Attempt, ...]:
    return tuple(one for one in kept if one.at > since)


def _suspicion(kept: Sequence[Attempt], attempt: Attempt, limits: AttemptLimits) -> Suspicion:
    here = [one for one in kept if one.address == attempt.address]
    names = {one.account for one in here}
    minutes = limits.window_seconds / 60
    if len(names) >= limits.accounts_per_address:
        reason = f"{len(names)} accounts failed from {attempt.address} within {minutes:g} minutes"
        return Suspicion(Guessing.CREDENTIAL_STUFFING, Advice.REFUSE_ADDRESS, reason)
    both = sum(one.account == attempt.account for one in here)
    if both >= limits.per_pair or len(here) >= limits.per_address:
        reason = (
            f"{len(here)} failures from {attempt.address} within {minutes:g} minutes, {both} at one account or at none"
        )
        return Suspicion(Guessing.BRUTE_FORCE, Advice.REFUSE_ADDRESS, reason)
    anywhere = sum(one.account == attempt.account for one in kept)
    if anywhere >= limits.per_account:
        reason = f"{anywhere} failures at this account from everywhere within {minutes:g} minutes"
        return Suspicion(Guessing.BRUTE_FORCE, Advice.SLOW_DOWN, reason)
    return _NO_SUSPICION
