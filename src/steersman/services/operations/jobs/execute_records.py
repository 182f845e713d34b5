"""Where each plan stands outside of the loop: a step is one transaction with its journal entry, then the loop is told.

A kill between the two loses nothing, because whatever was told last is told again at the next start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Conflict
from steersman.model.ids import Id
from steersman.model.plans import Plan, PlanState, Policy
from steersman.model.rounds import Progress
from steersman.runtime.actions import Actions, Approval, Kind, State, Wanted
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.logic import lines
from steersman.services.operations.logic.guards import ASKED, HOUR_MS, refusal
from steersman.services.operations.store import executions
from steersman.services.operations.store.executions import Execution

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Who acts when nobody was asked.
OPERATIONS = "operations"


class GuardRefused(Exception):
    """A guard said no; the message says which."""


@dataclass(frozen=True, slots=True)
class Records:
    """Moves plans from one state to the next."""

    ports: Ports
    inbox: Inbox

    def now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000

    def find(self, plan: Id) -> Execution | None:
        with self.ports.database.reading() as connection:
            return executions.find(connection, plan)

    def take(self, plan: Plan) -> bool:
        """Take a plan in hand as it is; returns False when it already is."""
        with self.ports.database.transaction() as transaction:
            added = executions.add(transaction, plan, self.now_ms())
            if added:
                self._journal(transaction, plan, OPERATIONS, {})
        return added

    def begin(self, execution: Execution, policy: Policy, shown: dict[str, Any]) -> Execution:
        """Let a plan begin to be applied, unless a guard says no; raises `GuardRefused` then and changes nothing.

        The entry is written first: it holds off other writers until this one has counted and is counted.
        """
        now_ms = self.now_ms()
        after = replace(execution.plan, state=PlanState.APPLYING)
        with self.ports.database.transaction() as transaction:
            self._journal(transaction, after, execution.approver or OPERATIONS, {"preview": shown})
            if why := refusal(after, policy, executions.deeds(transaction, now_ms - HOUR_MS), now_ms):
                raise GuardRefused(why)
            if not executions.move(transaction, execution, after, now_ms):
                raise GuardRefused("somebody else has gone on with it")
        self.tell(after, now_ms)
        return Execution(after, now_ms, execution.approver)

    def move(self, execution: Execution, state: PlanState, outcome: str, by: Caller | None = None) -> bool:
        """Let a plan go on to a state and tell the loop; returns False when it is not where it was any more."""
        now_ms, actor = self.now_ms(), by.subject if by else ""
        after = replace(execution.plan, state=state, outcome=outcome)
        approver = actor if state is PlanState.APPROVED else ""
        with self.ports.database.transaction() as transaction:
            moved = executions.move(transaction, execution, after, now_ms, approver=approver)
            if moved:
                self._close(transaction, execution.plan, state, by)
                self._journal(transaction, after, actor or execution.approver or OPERATIONS, {})
        if moved:
            self.tell(after, now_ms)
        return moved

    def agree(self, execution: Execution, wanted: Wanted, by: Caller, until_ms: int) -> bool:
        """Count one of two people's yes; with the second the plan is approved in the same transaction.

        Returns whether it is. Raises `Conflict` where somebody else has answered, `NotAgreed` for no person.
        """
        now_ms, approvals = self.now_ms(), self.ports.get(Actions).approvals
        after = replace(execution.plan, state=PlanState.APPROVED, outcome="two people approved")
        with self.ports.database.transaction() as transaction:
            if not executions.hold(transaction, execution):
                raise Conflict(f"somebody else has just answered for the plan {execution.plan.id}")
            before = approvals.waits(transaction, Kind.PLAN, execution.plan.id)
            approval = approvals.vote(transaction, wanted, by, until_ms)
            agreed = approval.state is State.AGREED
            if agreed:
                executions.move(transaction, execution, after, now_ms, approver=by.subject)
                self._journal(transaction, after, by.subject, _said(approval))
            elif approval not in before:
                first = replace(execution.plan, outcome="one of two people approved, another has to as well")
                self._journal(transaction, first, by.subject, _said(approval))
        if agreed:
            self.tell(after, now_ms)
        return agreed

    def _close(self, transaction: Connection, plan: Plan, state: PlanState, by: Caller | None) -> None:
        """End the wait for a second person with the plan that it is about."""
        if plan.remedy.two_people and plan.state in ASKED:
            ends = State.REJECTED if state is PlanState.REJECTED else State.EXPIRED
            self.ports.get(Actions).approvals.drop(transaction, Kind.PLAN, plan.id, ends, by)

    def settle(self, execution: Execution, state: PlanState, outcome: str) -> None:
        """Note a verdict on what is being watched. The loop that says so journals it, so it is told to nobody."""
        if execution.plan.state is not PlanState.VERIFYING:
            return
        with self.ports.database.transaction() as transaction:
            after = replace(execution.plan, state=state, outcome=outcome)
            executions.move(transaction, execution, after, self.now_ms())

    def tell(self, plan: Plan, time_ms: int) -> None:
        """Tell the loop where a plan stands."""
        self.inbox.tell(progress=[progress_of(plan, time_ms)])

    def _journal(self, transaction: Connection, plan: Plan, actor: str, more: dict[str, Any]) -> None:
        entry = JournalEntry(
            id=self.ports.ids.new(),
            time_ns=self.ports.clock.wall_ns(),
            tenant=plan.tenant,
            actor=actor,
            type=lines.EXECUTION,
            subject=plan.id,
            payload={"state": plan.state.value, "action": plan.remedy.action, "outcome": plan.outcome, **more},
            cause=executions.entry_of(transaction, plan.id),
        )
        self.ports.journal.append(transaction, [entry])


def _said(approval: Approval) -> dict[str, Any]:
    """Who said yes, by the ids of their accounts, and how many are missing."""
    return {"agreed": list(approval.people), "missing": 2 - len(approval.people)}


def progress_of(plan: Plan, time_ms: int) -> Progress:
    return Progress(plan=plan.id, state=plan.state.value, time_ms=time_ms, outcome=plan.outcome)


#: The policy that holds at a time in milliseconds.
CurrentPolicy = Callable[[int], Policy]
