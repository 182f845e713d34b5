"""Carries plans out: starts durable work, waits for a person's yes, takes back, and finds what a kill left behind.

It decides nothing. What may be done is the engine's and the policy's affair; that it may still be done at the moment of
acting is asked in `logic.guards`, and that it happens once is the affair of `runtime.actions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Self

from steersman.contract.ports import Caller, Ports
from steersman.model.errors import Conflict, NotFound
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis
from steersman.model.plans import Autonomy, Plan, PlanState, Remedy
from steersman.model.rounds import Judged, Progress
from steersman.runtime.actions import Actions, Kind, Wanted, checked, plain
from steersman.runtime.house import House
from steersman.services.operations.jobs.execute_interrupted import Interrupted
from steersman.services.operations.jobs.execute_records import CurrentPolicy, Records, progress_of
from steersman.services.operations.jobs.execute_remedies import proposed
from steersman.services.operations.jobs.execute_work import Work, found_action
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.logic.guards import APPROVE, ASKED
from steersman.services.operations.store import executions
from steersman.services.operations.store.executions import Execution

PLAN_WORK = "operations.plan"
UNDO_WORK = "operations.undo"
FINISH_WORK = "operations.finish"

#: What became of a plan is told again after a start, for as long as somebody may be waiting for it.
_TOLD_AGAIN_MS = 3_600_000
#: How often work that failed by itself, not by its action, is started anew.
_ATTEMPTS = 3

#: What was decided longer ago than this, and not begun, has to be decided anew.
_FRESH_MS = 60_000

_STATE_FOR = {
    Autonomy.ACT: PlanState.APPROVED,
    Autonomy.APPROVE: PlanState.AWAITING_APPROVAL,
    Autonomy.SUGGEST: PlanState.SUGGESTED,
}
_DECIDED = frozenset({PlanState.SUGGESTED, PlanState.AWAITING_APPROVAL, PlanState.APPROVED, PlanState.APPLYING})
_UNFINISHED = frozenset({PlanState.APPROVED, PlanState.APPLYING})
_ENDED = frozenset(
    {
        PlanState.FAILED,
        PlanState.NOTHING_TO_DO,
        PlanState.REFUSED,
        PlanState.REJECTED,
        PlanState.EXPIRED,
        PlanState.UNDONE,
    }
)


@dataclass(frozen=True, slots=True)
class Executor:
    """The loop's hands. Every method is synchronous: call it from a worker thread."""

    ports: Ports
    records: Records
    approval_seconds: float
    interrupted: Interrupted

    @classmethod
    def open(cls, ports: Ports, inbox: Inbox, policy: CurrentPolicy, approval_seconds: float = 900.0) -> Self:
        """Prepare the table and register the durable work; call it while the service starts."""
        executions.prepare(ports.database)
        records = Records(ports, inbox)
        house, actions = ports.get(House), ports.get(Actions)
        work = Work(house, actions, records, policy)
        interrupted = Interrupted(house, actions, records, ports.clock.wall_ns())
        ports.durable.register(PLAN_WORK, work.carry_out)
        ports.durable.register(UNDO_WORK, work.take_back)
        ports.durable.register(FINISH_WORK, interrupted.finish)
        return cls(ports, records, approval_seconds, interrupted)

    def submit(self, plan: Plan) -> None:
        """Take a plan in hand as far as its autonomy goes; the same plan again changes nothing."""
        state = _STATE_FOR.get(plan.autonomy)
        if state is None:
            return
        self.records.take(replace(plan, state=state))
        if state is PlanState.APPROVED:
            self._start(plan.id)

    def approve(self, plan: Id, by: Caller) -> bool:
        """Carry out a plan that waits for a yes, or that was only suggested; raises `NotFound` or `Conflict`.

        Returns False where two people have to approve and another one is missing; `NotAgreed` tells who is none.
        """
        execution = self._asked(plan)
        if self._is_late(execution):
            self._expire(execution)
            raise Conflict(f"the plan {plan} waited too long for a yes and has expired: things may have changed")
        if (wanted := self._wanted(execution.plan)) is not None:
            until_ms = execution.plan.decided_ms + round(self.approval_seconds * 1000)
            if not self.records.agree(execution, wanted, by, until_ms):
                return False
        elif not self.records.move(execution, PlanState.APPROVED, f"approved by {by.subject}", by):
            raise Conflict(f"somebody else has just answered for the plan {plan}")
        self._start(plan)
        return True

    def reject(self, plan: Id, by: Caller, reason: str = "") -> None:
        """Say no to a plan; raises `NotFound` or `Conflict`."""
        words = f"rejected by {by.subject}" + (f": {reason}" if reason else "")
        if not self.records.move(self._asked(plan), PlanState.REJECTED, words, by):
            raise Conflict(f"somebody else has just answered for the plan {plan}")

    def withdraw(self, plan: Id, reason: str) -> None:
        """Let what only waits for a person's word expire; an answer that came before holds."""
        execution = self.records.find(plan)
        if execution is not None and execution.plan.state in ASKED:
            self.records.move(execution, PlanState.EXPIRED, reason)

    def judged(self, judged: Judged) -> None:
        """Keep what a plan did, or take it back."""
        if judged.undo:
            self.undo(judged.plan.id, judged.verdict.reason)
        elif execution := self.records.find(judged.plan.id):
            self.records.settle(execution, PlanState(judged.verdict.kind.value), judged.verdict.reason)

    def undo(self, plan: Id, reason: str) -> None:
        """Start to take back what a plan did; raises `NotFound` for one that was never in hand."""
        if self.records.find(plan) is None:
            raise NotFound(f"there is no plan {plan} in hand")
        self._start(plan, UNDO_WORK, reason)

    def recover(self) -> Sequence[Progress]:
        """At a start: go on with what a kill interrupted, and return what the loop may not have heard of.

        Raises `Temporary` before durable work is open; call it again then.
        """
        for key, intent in self.interrupted.left_behind():
            self.ports.durable.start(FINISH_WORK, key, intent)
        self._catch_up()
        self.tend()
        since = self.records.now_ms() - _TOLD_AGAIN_MS
        with self.ports.database.reading() as connection:
            told = executions.standing(connection, _ENDED | {PlanState.VERIFYING, PlanState.APPLYING}, since_ms=since)
        return [progress_of(execution.plan, execution.changed_ms) for execution in told]

    def tend(self) -> None:
        """Every few seconds: let approvals expire, and pick up what stands still because its work is not there."""
        with self.ports.database.reading() as connection:
            standing = executions.standing(connection, {PlanState.AWAITING_APPROVAL, *_UNFINISHED})
        for execution in standing:
            if execution.plan.state in _UNFINISHED:
                self._start(execution.plan.id)
            elif self._is_late(execution):
                self._expire(execution)

    def close(self, incident: Id) -> None:
        """Let what was only suggested or asked for about an incident expire: it has ended."""
        with self.ports.database.reading() as connection:
            standing = executions.standing(connection, ASKED)
        for execution in standing:
            if execution.plan.incident == incident:
                self.records.move(execution, PlanState.EXPIRED, "its incident has ended")

    def remedies(self, hypotheses: Sequence[Hypothesis]) -> list[Remedy]:
        """Ask every installed action that declares to help what it would do; in the order of the hypotheses."""
        return proposed(self.ports.get(House), self.ports.get(Actions), hypotheses)

    def _wanted(self, plan: Plan) -> Wanted | None:
        """Return what two people have to want, where this plan's action asks for two."""
        service, action = found_action(self.ports.get(House), plan.remedy.action)
        if not self.ports.get(Actions).asks_two_people(service, action):
            return None
        return Wanted(
            tenant=plan.tenant,
            kind=Kind.PLAN,
            operation=plan.remedy.action,
            key=plan.id,
            args=plain(action.args, checked(action.args, dict(plan.remedy.args))),
            permissions=(APPROVE, action.permission),
        )

    def _asked(self, plan: Id) -> Execution:
        execution = self.records.find(plan)
        if execution is None:
            raise NotFound(f"there is no plan {plan} that waits for an answer")
        if execution.plan.state not in ASKED:
            raise Conflict(f"the plan {plan} waits for no answer: it is {execution.plan.state.value}")
        return execution

    def _is_late(self, execution: Execution) -> bool:
        return self.records.now_ms() - execution.plan.decided_ms > self.approval_seconds * 1000

    def _expire(self, execution: Execution) -> None:
        words = f"nobody answered within {self.approval_seconds:g} seconds"
        self.records.move(execution, PlanState.EXPIRED, words)

    def _catch_up(self) -> None:
        """Act upon decisions and verdicts that were recorded just before a kill. A decision that is old is none."""
        with self.ports.database.reading() as connection:
            decided = executions.not_in_hand(connection, _DECIDED)
            standing = executions.standing(connection, {PlanState.VERIFYING})
            verdicts = [(one, executions.verdict_of(connection, one.plan.id)) for one in standing]
        oldest_ms = self.records.now_ms() - _FRESH_MS
        for plan in decided:
            if plan.autonomy is Autonomy.ACT and plan.decided_ms < oldest_ms:
                late = "it was decided before the platform stopped, and things may have changed since"
                self.records.take(replace(plan, state=PlanState.EXPIRED, outcome=late))
            else:
                self.submit(plan)
        for execution, verdict in verdicts:
            if verdict and verdict[1]:
                self.undo(execution.plan.id, f"it was judged {verdict[0].value}")
            elif verdict:
                self.records.settle(execution, verdict[0], execution.plan.outcome)

    def _start(self, plan: Id, name: str = PLAN_WORK, reason: str = "") -> None:
        """Start the work of a plan, or leave it when it runs.

        What broke down is started again under a further key, a few times; an undo that came to nothing as often as
        somebody asks for it.
        """
        first = plan if name == PLAN_WORK else f"{plan}:undo"
        broken = 0
        for attempt in count(1):
            key = first if attempt == 1 else f"{first}:{attempt}"
            try:
                status = self.ports.durable.status(key)
            except NotFound:
                self.ports.durable.start(name, key, {"plan": plan, "reason": reason})
                return
            broken += status.state == "failed"
            if broken == _ATTEMPTS:
                self._break_down(plan, status.error)
                return
            if status.state == "pending" or (status.state == "done" and not self._is_left(plan, name)):
                return

    def _is_left(self, plan: Id, name: str) -> bool:
        """Whether the effect of a plan is still there after the work that was to take it back."""
        execution = self.records.find(plan)
        return name == UNDO_WORK and execution is not None and execution.plan.state is not PlanState.UNDONE

    def _break_down(self, plan: Id, error: str | None) -> None:
        if execution := self.records.find(plan):
            self.records.move(execution, PlanState.FAILED, f"its work broke down {_ATTEMPTS} times: {error}")
