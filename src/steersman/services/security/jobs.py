"""Follows the journal for attempts, tells the loop who behaves like an attacker, and keeps the measures in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from steersman.contract.ports import Context, Observer, Subjects
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.services.security.model.measures import Suspect
from steersman.services.security.store import tables
from steersman.services.security.store.defence import Defence

#: At the start, what happened lately is looked at once more: attempts go on over a restart.
_LOOK_BACK = 1_000
_PAGE = 500
_TIDY_ROUNDS = 1_000
_PLATFORM = Entity(EntityKind.PLATFORM, "steersman")
#: Between two exchanges of counts: what a guesser gains by spreading over processes.
_SHARE_SECONDS = 1.0
_INTERESTING = ("identity.", "security.attack.", "security.session.", "security.objects.")


async def watch(context: Context) -> None:
    """Look until the platform stops."""
    defence: Defence = context.state
    with context.ports.database.reading() as connection:
        cursor = max(0, tables.newest_seq(connection) - _LOOK_BACK)
    told: dict[str, Suspect] = {}
    rounds = 0
    while True:
        cursor = await asyncio.to_thread(follow, defence, cursor)
        await asyncio.to_thread(_refresh, defence, tidy=rounds % _TIDY_ROUNDS == 0)
        rounds += 1
        observer: Observer | None = context.ports.provided.get(Observer)
        if observer is not None:
            told = tell(observer, defence.suspects, told, defence.now_ms())
        await context.ports.clock.sleep(defence.settings.interval_seconds)


async def share_failures(context: Context) -> None:
    """Count failed sign-ins together with the other processes; without any failure, ask nothing of the database."""
    defence: Defence = context.state
    while True:
        await defence.identity.login.failures.exchanged(defence.rates.failed)
        await context.ports.clock.sleep(_SHARE_SECONDS)


def follow(defence: Defence, cursor: int) -> int:
    """Take in what the journal says since, and return where it ends now."""
    subjects: Subjects | None = defence.ports.provided.get(Subjects)
    while page := defence.ports.journal.read(after=cursor, limit=_PAGE):
        cursor = page[-1].seq
        told = [entry for entry in page if entry.type.startswith(_INTERESTING)]
        for entry in subjects.opened(told) if subjects and told else told:
            account = str(entry.payload.get("account", ""))
            if entry.type == "identity.session.begun" and not defence.watching.knows(account):
                defence.recall(account, entry.time_ns // 1_000_000)
            defence.watching.see(entry.type, entry.subject, entry.payload, entry.time_ns / 1e9)
    defence.suspects = defence.watching.suspects(defence.now_ms() / 1000)
    return cursor


def _refresh(defence: Defence, *, tidy: bool) -> None:
    """Read lists that changed and what other processes decided."""
    defence.lists.reread()
    defence.enforce()
    if tidy:
        defence.tidy()


def tell(observer: Observer, suspects: list[Suspect], told: Mapping[str, Suspect], now_ms: int) -> dict[str, Suspect]:
    """Report who is suspected, still or no longer."""
    known = {one.key: one for one in suspects}
    for one in suspects:
        observer.found(finding(one, now_ms, ended=False))
    for key, one in told.items():
        if key not in known:
            observer.found(finding(one, now_ms, ended=True))
    return known


def finding(one: Suspect, now_ms: int, *, ended: bool) -> Finding:
    """Return a suspicion in the words of the loop."""
    return Finding(
        key=f"security:{one.key}",
        entity=_PLATFORM,
        aspect=Aspect.ACCESS,
        direction=Direction.NEW,
        source=FindingSource.THREAT,
        severity="critical" if one.certain else "warning",
        started_ms=int(one.since * 1000),
        seen_ms=now_ms,
        reason=f"{one.kind.replace('_', ' ')}: {one.reason}",
        suggests=frozenset({CauseKind.ATTACK}),
        ended_ms=now_ms if ended else None,
    )
