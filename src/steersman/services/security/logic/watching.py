"""Reads what the journal says about sign-ins, tokens and requests, and tells who behaves like an attacker.

State in, suspicions out; time is that of the entries. A sign-in from a new place is nobody's fault and stays unnamed:
only together with a program, an hour or a rate that the account never had does it say something.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from steersman.services.security.logic.attempts import Advice, Guessing, judged
from steersman.services.security.logic.habits import Habits, SignIn
from steersman.services.security.logic.networks import home_of
from steersman.services.security.model import Attempt, AttemptLimits, Failures
from steersman.services.security.model.measures import Suspect

#: How long somebody counts as an attacker after the last sign of it.
KEPT_SECONDS = 900.0
_ATTACKS, _TOKENS, _WINDOW = 3, 20, 900.0
_MOST = 10_000


class Watching:
    """Folds entries in, in the order of the journal. One thread at a time."""

    def __init__(self, limits: AttemptLimits | None = None) -> None:
        self._limits = limits or AttemptLimits()
        self._failures = Failures()
        self._signs: dict[tuple[str, str], deque[float]] = {}
        self._habits: dict[str, Habits] = {}
        self._suspects: dict[str, Suspect] = {}

    def suspects(self, now: float) -> list[Suspect]:
        """Return who counts as an attacker now, and forget whom no sign has been of for a while."""
        self._suspects = {key: one for key, one in self._suspects.items() if now - one.last < KEPT_SECONDS}
        return list(self._suspects.values())

    def knows(self, account: str) -> bool:
        """Tell whether earlier sign-ins of an account were recalled, or seen."""
        return account in self._habits

    def recall(self, account: str, before: Iterable[SignIn], *, administers: bool) -> None:
        """Take in the sign-ins of an account from before, oldest first, without a verdict on any."""
        if len(self._habits) > _MOST:
            self._habits.clear()
        habits = self._habits[account] = Habits(administers)
        for one in before:
            habits.take(one)

    def see(self, type: str, subject: str, payload: Mapping[str, Any], at: float) -> None:
        """Fold in one entry; what says nothing about attempts changes nothing."""
        address = _text(payload.get("address"))
        if type == "identity.login.refused":
            self._attempt(Attempt(at, subject, address, succeeded=False))
        elif type == "identity.session.begun":
            account = _text(payload.get("account"))
            self._attempt(Attempt(at, account, address, succeeded=True))
            self._came(account, SignIn(at, address, _text(payload.get("agent"))))
        elif type == "identity.refresh.refused" and payload.get("reason") == "reused":
            self._suspect("token_replay", subject, "a refresh token that was used up was presented again", at, address)
        elif type == "identity.token.refused":
            self._counted("token_guessing", address or subject, _TOKENS, "tokens that are none", at)
        elif type == "security.attack.seen":
            self._counted("attack", address or subject, _ATTACKS, "requests with an attack in them", at)
        elif type == "security.session.interleaved":
            self._interleaved(subject, payload, at)
        elif type == "security.objects.probed":
            reason = f"{payload.get('objects')} different objects were asked for and refused within minutes"
            account = _text(payload.get("account"))
            self._suspect("enumeration", subject, reason, at, account=account, certain=False)

    def _attempt(self, attempt: Attempt) -> None:
        self._failures, suspicion = judged(self._failures, attempt, self._limits)
        if suspicion.guessing is Guessing.NOTHING or attempt.succeeded:
            return
        kind = str(suspicion.guessing)
        if suspicion.advice is Advice.REFUSE_ADDRESS:
            self._suspect(kind, attempt.address, suspicion.reason, attempt.at, attempt.address)
        else:
            self._suspect(kind, attempt.account, suspicion.reason, attempt.at, account=attempt.account)

    def _counted(self, kind: str, where: str, most: int, what: str, at: float) -> None:
        if len(self._signs) > _MOST:
            self._signs.clear()
        signs = self._signs.setdefault((kind, where), deque(maxlen=most))
        signs.append(at)
        if len(signs) == most and at - signs[0] <= _WINDOW:
            self._suspect(kind, where, f"{most} {what} from {where} within {_WINDOW / 60:g} minutes", at, where)

    def _came(self, account: str, one: SignIn) -> None:
        habits = self._habits.setdefault(account, Habits())
        odd = habits.odd(one)
        habits.take(one)
        if len(odd) > 1:
            reason = f"a sign-in {' and '.join(odd)} that the account never had"
            self._suspect("unusual_access", account, reason, one.at, account=account, certain=False)

    def _interleaved(self, session: str, payload: Mapping[str, Any], at: float) -> None:
        """A session that two hold: no address is named, because one of the two is its owner's."""
        networks, programs = payload.get("networks"), _text(payload.get("programs"))
        where = " and ".join(map(str, networks)) if isinstance(networks, list | tuple) else "two networks"
        reason = f"one session was used from {where} in turn, by {programs} program{'s' * (programs != 'the same')}"
        account = _text(payload.get("account"))
        self._suspect("shared_session", session, reason, at, account=account, certain=programs == "different")

    def _suspect(
        self, kind: str, who: str, reason: str, at: float, address: str = "", account: str = "", *, certain: bool = True
    ) -> None:
        key = f"{kind}:{who}"
        before = self._suspects.get(key)
        if len(self._suspects) > _MOST:
            self._suspects.clear()
        since = before.since if before else at
        self._suspects[key] = Suspect(key, kind, reason, since, at, home_of(address), account, certain)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
