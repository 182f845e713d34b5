"""Turns the loop: once a second, what became known is detected and decided upon, and the commands are carried out.

Decisions are recorded in one transaction before anything follows from them; while the database refuses, the commands
wait and nothing is done. What has to be asked or done is answered in a later round, so that the rounds alone repeat
every decision.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson
import structlog

from steersman.engine.decide_policy import stopped
from steersman.engine.detect.senses import Senses
from steersman.engine.loop import LoopState
from steersman.engine.recording.arrays import pack, unpack
from steersman.engine.recording.frames import Beginning, beginning_frame
from steersman.model.errors import InvalidInput, Temporary
from steersman.model.findings import FindingSource
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.incidents import IncidentState
from steersman.model.plain import plain, read
from steersman.model.rounds import (
    Ask,
    AskRemedies,
    Command,
    Decided,
    IncidentChanged,
    Judged,
    Remedies,
    Round,
    Telemetry,
    Trend,
    Withdrawn,
)
from steersman.services.operations.jobs.telling import tell
from steersman.services.operations.logic.deciding import decide, trends_for
from steersman.services.operations.store import resuming
from steersman.services.operations.store.people import said_since

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from steersman.contract.ports import Ports
    from steersman.model.plans import Policy
    from steersman.runtime.telemetry.store import TelemetryStore
    from steersman.services.operations.jobs.execute import Executor
    from steersman.services.operations.jobs.inbox import Inbox
    from steersman.services.operations.jobs.recorder import Recorder
    from steersman.services.operations.logic.bulletin import Bulletin
    from steersman.services.operations.store.recording import Chronicle

_log = structlog.get_logger(__name__)
_READY_SECONDS = 0.2
#: How often what the detectors have learnt is written down: a kill costs them at most this.
_KEEP_SECONDS = 300.0
#: How often the policy is worked out anew: weekly windows come and go.
_POLICY_SECONDS = 10.0
#: A word is on disk before the loop is told, which a kill may keep from happening; what is older was told for certain.
_LAST_WORDS_MS = 60_000
#: How often plans that stand still are looked at.
_TEND_SECONDS = 5.0
_SEED_BITS = 63


@dataclass(frozen=True, slots=True)
class Turned:
    """The outcome of a round that waits to be recorded: the commands, and the round without its telemetry."""

    round: Round
    commands: tuple[Command, ...]

    @property
    def alerts(self) -> list[str]:
        """The findings that came from alerts: each is decided upon once its round is recorded."""
        return [finding.key for finding in self.round.findings if finding.source is FindingSource.ALERT]

    @property
    def tells(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.commands or self.round.progress or self.round.changes or self.alerts)


@dataclass(slots=True, kw_only=True)
class Loop:
    """One loop: what it knows, and the ways in and out. `turn` runs on one thread at a time."""

    ports: Ports
    inbox: Inbox
    chronicle: Chronicle
    executor: Executor
    bulletin: Bulletin
    policy: Callable[[int], Policy]
    senses: Senses = field(default_factory=Senses)
    state: LoopState = field(default_factory=LoopState)
    rounds: int = 0
    _waiting: list[Turned] = field(default_factory=list)
    _policy_due: float = 0.0

    @property
    def folder(self) -> Path:
        """Where the learnt state lies."""
        return self.ports.data_dir / "operations"

    def resume(self) -> None:
        """Go on where the last recorded round ended, and hear what people said that no round has told of.

        A state of another version is left behind, and said so.
        """
        with self.ports.database.reading() as connection:
            kept = resuming.kept_state(connection, DEFAULT_TENANT)
        self._take_up(kept)
        since_ms = max(self.state.heard_ms, self.state.now_ms - _LAST_WORDS_MS)
        with self.ports.database.reading() as connection:
            self.inbox.tell(feedback=said_since(connection, DEFAULT_TENANT, since_ms))

    def _take_up(self, kept: bytes | None) -> None:
        try:
            if kept is not None:
                self.state = read(LoopState, orjson.loads(kept))
            if (learnt := resuming.kept_learnt(self.folder)) is not None:
                self.senses = Senses.restore(unpack(learnt))
                self.senses.wake()
        except (InvalidInput, ValueError, TypeError, KeyError) as error:
            _log.warning("the loop begins anew: what it knew cannot be read by this version", reason=str(error))

    def beginning(self) -> bytes:
        """Return what is known between two rounds, as the first frame of a recording."""
        return beginning_frame(Beginning(pack(self.senses.export()), orjson.dumps(plain(self.state))))

    def _levels(self) -> Sequence[Trend]:
        """Return how every signal stands: what is usual of it, and what it is now."""
        return [
            Trend(
                entity=level.entity,
                aspect=level.aspect,
                signal=level.signal,
                before=level.expected,
                now=level.value,
                usual=level.spread,
                limit=level.limit,
            )
            for level in self.senses.levels()
        ]

    def keep(self) -> None:
        """Write down what the detectors have learnt."""
        try:
            resuming.keep_learnt(self.folder, pack(self.senses.export()))
        except OSError as error:
            _log.warning("what the detectors have learnt cannot be kept", reason=str(error))

    def round_of(self, now_ms: int, telemetry: Telemetry) -> Round:
        """Put together what arrived, what services reported and what answers came."""
        waiting = self.inbox.take()
        return Round(
            now_ms=now_ms,
            telemetry=telemetry,
            seed=int(self.ports.ids.new().replace("-", ""), 16) & ((1 << _SEED_BITS) - 1),
            findings=tuple(waiting.findings.values()),
            changes=tuple(waiting.changes),
            entities=tuple(waiting.entities),
            edges=tuple(waiting.edges),
            trends=tuple(waiting.trends),
            remedies=tuple(waiting.remedies),
            progress=tuple(waiting.progress),
            feedback=tuple(waiting.feedback),
            policy=self._new_policy(now_ms),
        )

    def _new_policy(self, now_ms: int) -> Policy | None:
        now = self.ports.clock.monotonic()
        if now < self._policy_due:
            return None
        self._policy_due = now + _POLICY_SECONDS
        policy = self.policy(now_ms)
        return policy if policy != self.state.policy else None

    def reconsider_policy(self) -> None:
        """Look at the policy again in the next round: somebody changed it."""
        self._policy_due = 0.0

    def turn(self, round: Round) -> None:
        """Fold one round, record what came of it, and begin what follows."""
        self.state, commands = decide(self.senses, self.state, round)
        self.rounds += 1
        self._waiting.append(Turned(replace(round, telemetry=Telemetry()), commands))
        try:
            recorded = self._record()
        except Temporary as error:
            self._publish(round.now_ms, f"decisions cannot be recorded and wait: {error.message}")
            return
        done, self._waiting = self._waiting, []
        held = stopped(self.state.policy)
        self.inbox.show([case.incident for case in self.state.cases.values()], held.reason if held else "")
        self._publish(round.now_ms)
        if recorded:
            self.bulletin.recorded()
        for turned in done:
            tell(turned.commands)
            for command in turned.commands:
                self._follow(command)

    def _publish(self, now_ms: int, trouble: str = "") -> None:
        """Show how the loop is doing to those who ask."""
        board = self.bulletin
        board.topology, board.levels = self.state.topology, self._levels
        board.status = replace(
            board.status,
            started_ms=board.status.started_ms or now_ms,
            rounds=self.rounds,
            last_round_ms=now_ms,
            trouble=trouble,
        )

    def _record(self) -> bool:
        """Write down all rounds that are not recorded yet, and the state after them, in one transaction."""
        telling = [one for one in self._waiting if one.tells]
        if not telling:
            return False
        with self.ports.database.transaction() as transaction:
            for one in telling:
                self.chronicle.record(
                    transaction,
                    DEFAULT_TENANT,
                    one.commands,
                    one.round.now_ms,
                    progress=one.round.progress,
                    changes=one.round.changes,
                    alerts=one.alerts,
                )
            body = orjson.dumps(plain(self.state))
            resuming.keep_state(transaction, DEFAULT_TENANT, body, telling[-1].round.now_ms)
        return True

    def _follow(self, command: Command) -> None:
        match command:
            case Ask():
                self.inbox.tell(trends=trends_for(self.senses, self.state, command))
            case AskRemedies(incident, hypotheses):
                self.inbox.tell(remedies=[Remedies(incident, tuple(self.executor.remedies(hypotheses)))])
            case Decided(plan):
                self.executor.submit(plan)
            case Withdrawn(plan, reason):
                self.executor.withdraw(plan.id, reason)
            case Judged():
                self.executor.judged(command)
            case IncidentChanged(incident, _) if incident.state is IncidentState.RESOLVED:
                self.executor.close(incident.id)
            case _:
                pass


async def tend_plans(loop: Loop) -> None:
    """Tell the loop what became of plans that a kill interrupted, then let none stand still, for ever."""
    clock = loop.ports.clock
    while True:
        try:
            loop.inbox.tell(progress=await asyncio.to_thread(loop.executor.recover))
            break
        except Temporary as error:
            await clock.sleep(min(error.retry_after, _TEND_SECONDS))
    while True:
        await clock.sleep(_TEND_SECONDS)
        with suppress(Temporary):
            await asyncio.to_thread(loop.executor.tend)


async def turn_rounds(loop: Loop, telemetry: TelemetryStore, recorder: Recorder, seconds: float) -> None:
    """Turn once in so many seconds, for ever; what the detectors have learnt is kept at the end as well."""
    clock = loop.ports.clock
    while not telemetry.ready:
        await clock.sleep(_READY_SECONDS)
    await asyncio.to_thread(loop.resume)
    telemetry.feed.attach()
    kept = clock.monotonic()
    try:
        while True:
            began = clock.monotonic()
            now_ms = clock.wall_ns() // 1_000_000
            taken = telemetry.feed.take(telemetry.live)
            told = loop.round_of(now_ms, taken)
            recorder.note(told)
            await asyncio.to_thread(loop.turn, told)
            if clock.monotonic() - kept > _KEEP_SECONDS:
                kept = clock.monotonic()
                await asyncio.to_thread(loop.keep)
            took = clock.monotonic() - began
            status = replace(loop.bulletin.status, round_seconds=took, series=telemetry.live.series.size)
            loop.bulletin.status = status
            await clock.sleep(max(0.0, seconds - took))
    finally:
        loop.keep()
