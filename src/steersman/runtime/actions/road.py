"""Performs and undoes declared actions: checked, journalled, and done once per key.

The intent is in the journal before the effect, with the target's identity and prior state, and the outcome after it.
The ids of both are derived from the key. So whoever comes back after a kill finds what the first one saw, and `apply`
compares with that before it repeats; a request that is repeated after the outcome gets the first one's result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from steersman.contract.looking import looking
from steersman.contract.ports import Context, Ports
from steersman.contract.service import Action, Preview, Service
from steersman.contract.storable import storable_json
from steersman.model.errors import Conflict, NotFound, SteersmanError
from steersman.model.ids import Id
from steersman.runtime.actions import four_eyes
from steersman.runtime.actions.approvals import Approvals
from steersman.runtime.actions.ledger import Ledger, Wish, checked, plain
from steersman.runtime.actions.waiting import Kind, Wanted
from steersman.runtime.actions.within import Overdue, begun


class NothingToDo(NotFound):
    """The target is not there any more, so there is nothing to be done to it; the message is the evidence."""


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did. `repeated` says that this key had been applied before and nothing happened now."""

    key: str
    result: Any
    repeated: bool


@dataclass(slots=True)
class Actions:
    """Previews, performs and undoes. Synchronous: call it from a worker thread.

    One per process: the keys in work are remembered here, as one process acts for a data directory.
    """

    ports: Ports
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _working: set[Id] = field(default_factory=set)

    def preview(self, context: Context, action: Action, args: Any) -> Preview:
        """Say what would happen. Whoever says it holds nothing that can change anything."""
        context.caller.demand(action.permission)
        shown = begun(f"the preview of {action.name}", lambda: action.preview(looking(context), args))
        return shown.result(action.timeout_seconds)

    def perform(self, context: Context, service: Service, action: Action, args: Any, key: str | None) -> Done:
        """Apply an action once under its key.

        Raises `Conflict` when the key was used with other arguments or is being applied right now, `Throttled`
        above the action's limit, `AnotherHasToAgree` where two people have to want it, `NothingToDo` when its target
        vanished, `Overdue` when it is not done in time and goes on, and whatever the action raises.
        """
        context.caller.demand(action.permission)
        wish = Wish(context, service, action, key or str(self.ports.ids.new()))
        if self.asks_two_people(service, action) and not self._ledger.payload(wish.id("requested")):
            wish = replace(wish, agreed=self._agreed(wish, plain(action.args, args)))
        return self._in_time(wish, wish.id("applied"), lambda: self._apply(wish, args))

    def asks_two_people(self, service: Service, action: Action) -> bool:
        """Tell whether two people have to want an action."""
        return four_eyes.asks(action, f"{service.name}.{action.name}", self.approvals.patterns)

    @property
    def approvals(self) -> Approvals:
        """What waits for a second person."""
        return self.ports.provided.get(Approvals) or Approvals(self.ports)

    def undo(self, context: Context, service: Service, action: Action, key: str) -> Done:
        """Undo, or else compensate, what was applied under a key, once; raises `NotFound` for an unknown key."""
        context.caller.demand(action.permission)
        reverse = action.undo or action.compensate
        if reverse is None:
            raise Conflict(f"the action {action.name} cannot be undone")
        wish = Wish(context, service, action, key)
        return self._in_time(wish, wish.id("undone"), lambda: self._reverse(wish, reverse))

    def abandon(self, context: Context, service: Service, action: Action, key: str, why: str) -> None:
        """Note that what was begun under a key and interrupted is not gone on with."""
        wish = Wish(context, service, action, key)
        self._fail(wish, wish.id("requested"), why)

    def demand_agreed(self, context: Context, service: Service, action: Action, args: Any, key: str) -> None:
        """Raise `NotAgreed` where two people have to want a plan's action, and did not or may not any more."""
        if self.asks_two_people(service, action):
            self._agreed(Wish(context, service, action, key), plain(action.args, args))

    def _agreed(self, wish: Wish, given: Any) -> tuple[str, ...]:
        """Return the two who want it. A plan was agreed to before; a person's wish is the first of them, or the second.

        Raises `AnotherHasToAgree`, or `NotAgreed`.
        """
        caller = wish.context.caller
        wanted = Wanted(
            tenant=caller.tenant,
            kind=Kind.ACTION if caller.session else Kind.PLAN,
            operation=wish.subject,
            key=wish.key,
            args=given,
            permissions=(wish.action.permission,),
        )
        approval = self.approvals.agree(wanted, caller) if caller.session else self.approvals.given(wanted)
        return approval.people

    def _apply(self, wish: Wish, args: Any) -> Done:
        given = plain(wish.action.args, args)
        outcome, requested = wish.id("applied"), wish.id("requested")
        if known := self._ledger.payload(outcome):
            return _repeat(wish.key, given, known)
        if first := self._ledger.payload(requested):
            _check_same(wish.key, given, first)
        with self._ending(wish, requested, outcome, {"args": given}):
            prior = first.get("prior") if first else self._intend(wish, args, given)
            result = wish.action.apply(replace(wish.context, prior=prior), wish.key, args)
        told = plain(wish.action.result, result)
        self._ledger.write(wish, "action.applied", {"args": given, "result": told}, cause=requested, id=outcome)
        return Done(wish.key, told, repeated=False)

    def _intend(self, wish: Wish, args: Any, given: Any) -> Mapping[str, Any] | None:
        """Write down what is going to be done, and to what, as it is before the effect; return the latter."""
        action = wish.action
        target = action.target(args)
        intent = {"args": given, "risk": action.risk.name.lower(), "target": [target.kind, target.id]}
        if wish.agreed:
            intent["agreed"] = list(wish.agreed)
        try:
            seen = action.inspect(wish.context, args) if action.inspect else None
        except NotFound:
            self._ledger.request(wish, intent)
            raise
        prior = None if seen is None else storable_json(dict(seen), f"what {wish.subject} saw before its effect")
        self._ledger.request(wish, intent if prior is None else {**intent, "prior": prior})
        return prior

    def _reverse(self, wish: Wish, reverse: Callable[[Context, str, Any, Any], None]) -> Done:
        applied, outcome = wish.id("applied"), wish.id("undone")
        if known := self._ledger.payload(outcome):
            _check_not_idle(known)
            return Done(wish.key, None, repeated=True)
        done = self._ledger.payload(applied)
        if not done or "evidence" in done:
            raise NotFound(f"{wish.subject} was not applied under the key {wish.key!r}")
        prior = (self._ledger.payload(wish.id("requested")) or {}).get("prior")
        args, result = checked(wish.action.args, done["args"]), checked(wish.action.result, done["result"])
        with self._ending(wish, applied, outcome, {}):
            reverse(replace(wish.context, prior=prior), wish.key, args, result)
        self._ledger.write(wish, "action.undone", {}, cause=applied, id=outcome)
        return Done(wish.key, None, repeated=False)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.ports)

    def _in_time(self, wish: Wish, outcome: Id, work: Callable[[], Done]) -> Done:
        """Wait as long as the action allows. After that it goes on in its thread, and its key asks for the result."""
        with self._lock:
            if outcome in self._working:
                raise Conflict(f"{wish.subject} is being applied under this key right now: ask again for its result")
            self._working.add(outcome)
        try:
            return begun(wish.subject, lambda: self._released(outcome, work)).result(wish.action.timeout_seconds)
        except Overdue as late:
            facts = {"seconds": wish.action.timeout_seconds}
            self._ledger.write(wish, "action.overdue", facts, cause=self._intent_of(wish))
            raise Overdue(f"{late.message}: repeat the request with the same key to get its result") from late

    def _intent_of(self, wish: Wish) -> Id | None:
        return wish.id("requested") if self._ledger.payload(wish.id("requested")) else None

    def _released(self, outcome: Id, work: Callable[[], Done]) -> Done:
        try:
            return work()
        finally:
            with self._lock:
                self._working.discard(outcome)

    @contextmanager
    def _ending(self, wish: Wish, cause: Id, outcome: Id, facts: dict[str, Any]) -> Iterator[None]:
        """Write down that it failed, whatever it failed with, or that there was nothing to do; the error goes on."""
        reason = "an unexpected error"
        failed = True
        try:
            yield
            failed = False
        except NotFound as gone:
            failed = False
            self._ledger.write(wish, "action.idle", {**facts, "evidence": gone.message}, cause=cause, id=outcome)
            raise NothingToDo(gone.message) from gone
        except SteersmanError as error:
            reason = error.message
            raise
        finally:
            if failed:
                self._fail(wish, cause, reason)

    def _fail(self, wish: Wish, cause: Id, reason: str) -> None:
        """Nothing was begun where there is no intent: a refusal leaves no trace."""
        if self._ledger.payload(cause):
            self._ledger.write(wish, "action.failed", {"error": reason}, cause=cause)


def _repeat(key: str, given: Any, known: dict[str, Any]) -> Done:
    _check_same(key, given, known)
    _check_not_idle(known)
    return Done(key, known["result"], repeated=True)


def _check_same(key: str, given: Any, known: dict[str, Any]) -> None:
    if known["args"] != given:
        raise Conflict(f"the key {key!r} was used before with other arguments")


def _check_not_idle(known: dict[str, Any]) -> None:
    if "evidence" in known:
        raise NothingToDo(known["evidence"])
