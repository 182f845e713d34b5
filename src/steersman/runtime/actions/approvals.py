"""Keeps what one person wants until a second one agrees, says no, or nobody answers.

It decides who has agreed and never does what was agreed to: that is the road of actions for an action, the loop for a
plan, and whoever asked first for an operation, who repeats the request. Each answer is one transaction with its line in
the journal. What was agreed to is asked about again when it is done, because rights come and go in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.contract.service import Service
from steersman.model.errors import Conflict, Forbidden, NotFound
from steersman.runtime.actions import four_eyes, waiting
from steersman.runtime.actions.four_eyes import AnotherHasToAgree, NotAgreed
from steersman.runtime.actions.waiting import WITHIN_MS, Approval, Kind, State, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: How long an answer is kept after its end; the journal has it for as long as the journal is kept.
_KEPT_MS = 30 * 86_400_000
#: Who lets a wish expire.
_HOUSE = "steersman"
_NOBODY_IN_TIME = "nobody answered in time"


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a kind of wish goes on: `confirm` counts somebody's yes and does what is agreed, `reject` ends it."""

    confirm: Callable[[Caller, Approval], None]
    reject: Callable[[Caller, Approval, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Approvals:
    """Everything about what waits for a second person. Every method blocks."""

    ports: Ports
    #: Patterns of actions and operations, or of their permissions, for which the owner asks for two people.
    patterns: tuple[str, ...] = ()
    carriers: dict[Kind, Carrier] = field(default_factory=dict)

    @classmethod
    def open(cls, ports: Ports, services: Sequence[Service], patterns: tuple[str, ...]) -> Approvals:
        """Bring the table up to date; raises `Permanent` for a pattern that names nothing."""
        four_eyes.check_patterns(patterns, services)
        waiting.prepare(ports.database)
        return cls(ports, patterns)

    def carry(self, kind: Kind, carrier: Carrier) -> None:
        """Say how wishes of a kind go on."""
        self.carriers[kind] = carrier

    # ------------------------------------------------------------ whoever wants something

    def agree(self, wanted: Wanted, caller: Caller) -> Approval:
        """Go on when another person wanted the same; else raise `AnotherHasToAgree`, or `NotAgreed` for no person."""
        with self.ports.database.transaction() as transaction:
            approval = self.vote(transaction, wanted, caller)
        if approval.state is State.WAITING:
            raise AnotherHasToAgree(f"{_noted(approval)}, or ask for the same under the key {wanted.key!r}")
        return approval

    def use(self, wanted: Wanted, caller: Caller) -> Approval:
        """Let whoever asked first do it, once, after another person confirmed it; else raise as `agree` does."""
        with self.ports.database.transaction() as transaction:
            waiting.hold(transaction)
            four_eyes.demand_person(self.ports, transaction, wanted, caller)
            approval = self._agreed(transaction, wanted, caller)
            if approval is None:
                approval = self._asked(transaction, wanted, caller)
            else:
                self._move(transaction, approval, State.USED, caller.account)
        if approval.state is State.AGREED:
            return approval
        if approval.asked_by != caller.account:
            raise Conflict(f"somebody else has asked for this: confirm the approval {approval.id}, or ask after them")
        raise AnotherHasToAgree(f"{_noted(approval)}; then repeat this request")

    def vote(self, transaction: Connection, wanted: Wanted, caller: Caller, until_ms: int | None = None) -> Approval:
        """Count somebody's wish; it is `agreed` with the second one. Raises `Conflict` or `NotAgreed`.

        Whoever carries it out moves what it belongs to in the same transaction.
        """
        waiting.hold(transaction)
        four_eyes.demand_person(self.ports, transaction, wanted, caller)
        approval = self._agreed(transaction, wanted, caller) or self._asked(transaction, wanted, caller, until_ms)
        if approval.state is State.AGREED or approval.asked_by == caller.account:
            return approval
        return self._agree(transaction, approval, caller)

    def given(self, wanted: Wanted) -> Approval:
        """Return what two people agreed to, who both still may; raises `NotAgreed`."""
        with self.ports.database.reading() as connection:
            approval = waiting.newest(connection, wanted, {State.AGREED})
            if approval is None or approval.wanted.args != wanted.args or self._is_late(approval):
                raise NotAgreed(f"{wanted.operation} asks for two people, who agreed lately, and they did not")
            four_eyes.demand_both(self.ports, connection, approval)
        return approval

    # ------------------------------------------------------------ whoever answers

    def listed(self, caller: Caller, states: Sequence[State], limit: int) -> list[Approval]:
        """Return what a caller asked for or could do themselves, the newest first."""
        with self.ports.database.reading() as connection:
            return [one for one in waiting.listed(connection, caller.tenant, states, limit) if _sees(caller, one)]

    def one(self, caller: Caller, id: str) -> Approval:
        """Return one; raises `NotFound`, also for what the caller may not see."""
        with self.ports.database.reading() as connection:
            found = waiting.found(connection, caller.tenant, id)
        if found is None or not _sees(caller, found):
            raise NotFound(f"there is no approval {id!r}")
        return found

    def confirm(self, caller: Caller, id: str) -> Approval:
        """Agree to what somebody else wants. An action and a plan are done with it; an operation is repeated."""
        approval = self._open(caller, id)
        carrier = self.carriers.get(approval.wanted.kind)
        if carrier is not None:
            carrier.confirm(caller, approval)
            return self.one(caller, id)
        with self.ports.database.transaction() as transaction:
            waiting.hold(transaction)
            four_eyes.demand_person(self.ports, transaction, approval.wanted, caller)
            return self._agree(transaction, approval, caller)

    def reject(self, caller: Caller, id: str, reason: str) -> Approval:
        """Say no; raises `Forbidden` for whoever could not do it themselves."""
        approval = self._open(caller, id)
        for permission in approval.wanted.permissions:
            caller.demand(permission)
        carrier = self.carriers.get(approval.wanted.kind)
        if carrier is not None and carrier.reject is not None:
            carrier.reject(caller, approval, reason)
        else:
            self._end(approval, State.REJECTED, caller, reason)
        return self.one(caller, id)

    def withdraw(self, caller: Caller, id: str) -> Approval:
        """Take back one's own wish; raises `Forbidden` for anybody else's."""
        approval = self._open(caller, id)
        if not caller.account or approval.asked_by != caller.account:
            raise Forbidden("only whoever asked can withdraw this; reject it instead")
        self._end(approval, State.WITHDRAWN, caller, "")
        return self.one(caller, id)

    def waits(self, transaction: Connection, kind: Kind, key: str) -> list[Approval]:
        """Return what waits under a key, which belongs to something else such as a plan."""
        return [one for one in waiting.of_keys(transaction, kind, [key]) if one.state is State.WAITING]

    def drop(self, transaction: Connection, kind: Kind, key: str, state: State, caller: Caller | None) -> None:
        """End what waits under a key, with what it belongs to; that has the reason."""
        by, actor = (caller.account, caller.subject) if caller else ("", "")
        for approval in self.waits(transaction, kind, key):
            self._move(transaction, approval, state, by, actor=actor)

    def expire(self) -> int:
        """Let everything expire that waited too long, and forget what ended long ago; returns how many expired."""
        now_ms = self._now_ms()
        with self.ports.database.reading() as connection:
            late = waiting.overdue(connection, now_ms)
        with self.ports.database.transaction() as transaction:
            waiting.forget(transaction, now_ms - _KEPT_MS)
            return sum(self._move(transaction, one, State.EXPIRED, "", _NOBODY_IN_TIME) for one in late)

    # ------------------------------------------------------------ inside

    def _open(self, caller: Caller, id: str) -> Approval:
        approval = self.one(caller, id)
        if approval.state is not State.WAITING:
            raise Conflict(f"the approval {id} waits for no answer: it is {approval.state.value}")
        if self._is_late(approval):
            raise Conflict(f"the approval {id} has expired: ask again")
        return approval

    def _agreed(self, transaction: Connection, wanted: Wanted, caller: Caller) -> Approval | None:
        """Return what was agreed and is not done yet, if the caller is one of the two and both still may."""
        found = waiting.newest(transaction, wanted, {State.AGREED})
        if found is None or caller.account not in found.people or found.wanted.args != wanted.args:
            return None
        if self._is_late(found) or (wanted.kind is Kind.OPERATION and caller.account != found.asked_by):
            return None
        if all(four_eyes.stands(self.ports, transaction, one, wanted) for one in found.people):
            return found
        self._move(transaction, found, State.EXPIRED, "", "one of the two may not do it any more")
        return None

    def _asked(self, transaction: Connection, wanted: Wanted, caller: Caller, until_ms: int | None = None) -> Approval:
        """Return what waits already, or write the caller's wish down."""
        found = waiting.newest(transaction, wanted, {State.WAITING})
        if found is not None and self._is_late(found):
            self._move(transaction, found, State.EXPIRED, "", _NOBODY_IN_TIME)
        elif found is not None and not four_eyes.stands(self.ports, transaction, found.asked_by, wanted):
            self._move(transaction, found, State.EXPIRED, "", "whoever asked may not do it any more")
        elif found is not None and found.wanted.args != wanted.args:
            raise Conflict(f"something else waits under the key {wanted.key!r}: another person's wish is not the same")
        elif found is not None:
            return found
        now_ms = self._now_ms()
        made = Approval(
            id=self.ports.ids.new(),
            wanted=wanted,
            asked_by=caller.account,
            asked_ms=now_ms,
            expires_ms=until_ms or now_ms + WITHIN_MS,
            state=State.WAITING,
        )
        waiting.add(transaction, made)
        self._tell(transaction, made, "approval.asked", caller.account, {"expires_ms": made.expires_ms})
        return made

    def _agree(self, transaction: Connection, approval: Approval, caller: Caller) -> Approval:
        if caller.account == approval.asked_by:
            raise Conflict("this is your own wish: another person has to agree")
        if not four_eyes.stands(self.ports, transaction, approval.asked_by, approval.wanted):
            raise NotAgreed(f"whoever asked for {approval.wanted.operation} may not do it any more")
        four_eyes.demand_apart(self.ports, transaction, approval.asked_by, caller.account)
        if not self._move(transaction, approval, State.AGREED, caller.account):
            raise Conflict("somebody else has just answered")
        found = waiting.found(transaction, approval.wanted.tenant, approval.id)
        assert found is not None  # noqa: S101 - it was moved a moment ago, in this transaction
        return found

    def _end(self, approval: Approval, state: State, caller: Caller, reason: str) -> None:
        with self.ports.database.transaction() as transaction:
            if not self._move(transaction, approval, state, caller.account, reason, caller.subject):
                raise Conflict("somebody else has just answered")

    def _move(
        self, transaction: Connection, before: Approval, state: State, by: str, reason: str = "", actor: str = ""
    ) -> bool:
        """Let an approval go on, with its line in the journal; `by` is an account, where one did it."""
        moved = waiting.move(transaction, before, state, by, self._now_ms(), reason)
        if moved:
            told = {"answered_by": by if state is State.AGREED else before.answered_by, "reason": reason}
            given = {name: value for name, value in told.items() if value}
            self._tell(transaction, before, f"approval.{state.value}", by or actor or _HOUSE, given)
        return moved

    def _tell(self, transaction: Connection, approval: Approval, type: str, actor: str, more: dict[str, Any]) -> None:
        """People stand in it by their ids. What an operation was asked for stays out: it may name somebody."""
        wanted, ports = approval.wanted, self.ports
        args = {} if wanted.kind is Kind.OPERATION else {"args": wanted.args}
        payload = {"approval": approval.id, "kind": wanted.kind.value, "key": wanted.key, "asked_by": approval.asked_by}
        entry = JournalEntry(
            ports.ids.new(),
            ports.clock.wall_ns(),
            wanted.tenant,
            actor,
            type,
            wanted.operation,
            {**payload, **args, **more},
        )
        ports.journal.append(transaction, [entry])

    def _is_late(self, approval: Approval) -> bool:
        return approval.expires_ms <= self._now_ms()

    def _now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000


def _sees(caller: Caller, approval: Approval) -> bool:
    """Whoever asked, and whoever could do it themselves."""
    mine = bool(caller.account) and approval.asked_by == caller.account
    return mine or all(caller.may(permission) for permission in approval.wanted.permissions)


def _noted(approval: Approval) -> str:
    operation = approval.wanted.operation
    return (
        f"noted as the approval {approval.id}: another person who may do {operation} has to confirm it within an hour"
    )
