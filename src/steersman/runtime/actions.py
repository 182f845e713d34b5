"""The one road to every side effect: whoever acts, it is checked, journalled and done once per key.

The intent is in the journal before the effect and the outcome after it. The outcome's id is derived from the key,
so the database itself refuses a second outcome, and a repeated request gets the first one's result.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from steersman.contract.ports import Context, JournalEntry, Ports
from steersman.contract.service import Action, Preview, Service
from steersman.model.errors import Conflict, InvalidInput, NotFound, SteersmanError, Throttled
from steersman.model.ids import Id, Tenant
from steersman.runtime.database.journal import journal

_HOUR_SECONDS = 3600.0
#: Any fixed UUID: the namespace of ids that are derived from an action's key.
_OUTCOMES = uuid.UUID("6c9f1e52-7d51-5c39-9a53-0f4f6b1d7a11")


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did. `repeated` says that this key had been applied before and nothing happened now."""

    key: str
    result: Any
    repeated: bool


@dataclass(slots=True)
class Actions:
    """Performs and undoes declared actions. Synchronous: call it from a worker thread.

    The limits per hour and the keys in work are this process's, as one process acts for a data directory.
    """

    ports: Ports
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _working: set[Id] = field(default_factory=set)
    _starts: dict[str, deque[float]] = field(default_factory=dict)

    def preview(self, context: Context, action: Action, args: Any) -> Preview:
        """Say what would happen; changes nothing and writes nothing."""
        context.caller.demand(action.permission)
        return action.preview(context, args)

    def perform(self, context: Context, service: Service, action: Action, args: Any, key: str | None) -> Done:
        """Apply an action once under its key.

        Raises `Conflict` when the key was used with other arguments or is being applied right now, `Throttled`
        above the action's limit, and whatever the action raises.
        """
        context.caller.demand(action.permission)
        subject = f"{service.name}.{action.name}"
        tenant = context.caller.tenant
        key = key or str(self.ports.ids.new())
        given = _plain(action.args, args)
        outcome = _outcome_id(tenant, subject, key, "applied")
        with self._alone(outcome, subject):
            if known := self._payload(outcome):
                return _repeat(key, given, known)
            self._admit(subject, action.per_hour)
            target = action.target(args)
            intent = {"key": key, "args": given, "risk": action.risk.name.lower(), "target": [target.kind, target.id]}
            requested = self._write(context, "action.requested", subject, intent)
            with self._recording_failure(context, subject, key, requested):
                result = action.apply(context, key, args)
            plain = _plain(action.result, result)
            facts = {"key": key, "args": given, "result": plain}
            self._write(context, "action.applied", subject, facts, cause=requested, id=outcome)
        return Done(key, plain, repeated=False)

    def undo(self, context: Context, service: Service, action: Action, key: str) -> Done:
        """Undo, or else compensate, what was applied under a key, once; raises `NotFound` for an unknown key."""
        context.caller.demand(action.permission)
        reverse = action.undo or action.compensate
        if reverse is None:
            raise Conflict(f"the action {action.name} cannot be undone")
        subject = f"{service.name}.{action.name}"
        applied_id = _outcome_id(context.caller.tenant, subject, key, "applied")
        outcome = _outcome_id(context.caller.tenant, subject, key, "undone")
        with self._alone(outcome, subject):
            if self._payload(outcome):
                return Done(key, None, repeated=True)
            known = self._payload(applied_id)
            if not known:
                raise NotFound(f"{subject} was not applied under the key {key!r}")
            args, result = checked(action.args, known["args"]), checked(action.result, known["result"])
            with self._recording_failure(context, subject, key, applied_id):
                reverse(context, key, args, result)
            self._write(context, "action.undone", subject, {"key": key}, cause=applied_id, id=outcome)
        return Done(key, None, repeated=False)

    @contextmanager
    def _alone(self, outcome: Id, subject: str) -> Iterator[None]:
        with self._lock:
            if outcome in self._working:
                raise Conflict(f"{subject} is being applied under this key right now: ask again for its result")
            self._working.add(outcome)
        try:
            yield
        finally:
            with self._lock:
                self._working.discard(outcome)

    def _admit(self, subject: str, per_hour: int) -> None:
        now = self.ports.clock.monotonic()
        with self._lock:
            starts = self._starts.setdefault(subject, deque())
            while starts and starts[0] <= now - _HOUR_SECONDS:
                starts.popleft()
            if len(starts) >= per_hour:
                wait = starts[0] + _HOUR_SECONDS - now
                raise Throttled(f"{subject} may be done {per_hour} times an hour", retry_after=wait)
            starts.append(now)

    @contextmanager
    def _recording_failure(self, context: Context, subject: str, key: str, cause: Id) -> Iterator[None]:
        """Write down that it failed, whatever it failed with, and let the failure go on."""
        reason = "an unexpected error"
        failed = True
        try:
            yield
            failed = False
        except SteersmanError as error:
            reason = error.message
            raise
        finally:
            if failed:
                self._write(context, "action.failed", subject, {"key": key, "error": reason}, cause=cause)

    def _write(
        self,
        context: Context,
        kind: str,
        subject: str,
        payload: dict[str, Any],
        *,
        cause: Id | None = None,
        id: Id | None = None,
    ) -> Id:
        entry = JournalEntry(
            id=id or self.ports.ids.new(),
            time_ns=self.ports.clock.wall_ns(),
            tenant=context.caller.tenant,
            actor=context.caller.subject,
            type=kind,
            subject=subject,
            payload=payload,
            cause=cause,
        )
        with self.ports.database.transaction() as transaction:
            self.ports.journal.append(transaction, [entry])
        return entry.id

    def _payload(self, entry: Id) -> dict[str, Any] | None:
        with self.ports.database.reading() as connection:
            found: dict[str, Any] | None = connection.execute(
                select(journal.c.payload).where(journal.c.id == entry)
            ).scalar_one_or_none()
        return found


def _outcome_id(tenant: Tenant, subject: str, key: str, outcome: str) -> Id:
    return Id(str(uuid.uuid5(_OUTCOMES, f"{tenant}\n{subject}\n{key}\n{outcome}")))


def _repeat(key: str, given: Any, known: dict[str, Any]) -> Done:
    if known["args"] != given:
        raise Conflict(f"the key {key!r} was used before with other arguments")
    return Done(key, known["result"], repeated=True)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(kind: type, value: Any) -> Any:
    """Build an action's typed value from JSON data; raises `InvalidInput`."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in one['loc']) or 'args'}: {one['msg']}" for one in error.errors()]
        raise InvalidInput("; ".join(lines)) from error


def _plain(kind: type, value: Any) -> Any:
    return _adapter(kind).dump_python(value, mode="json")
