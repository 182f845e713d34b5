"""Turns a service's knobs: inside their range, no further than one step, not again before the cool-down.

Every turn is in the journal with both values, and from there the cool-down is read, so that it outlives the process.
What a knob does is the service's own affair.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from steersman.contract.ports import Context, JournalEntry, Ports
from steersman.contract.service import Knob, Service
from steersman.model.errors import InvalidInput, Throttled
from steersman.runtime.actions.ledger import newest_time

#: Half of the last digit that a person types: a step of 0.1 must not fail on binary fractions.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Position:
    """A knob and where it stands."""

    knob: Knob
    value: float


@dataclass(slots=True)
class Knobs:
    """Reads and turns. Synchronous: call it from a worker thread."""

    ports: Ports
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def position(self, context: Context, knob: Knob) -> Position:
        context.caller.demand(knob.permission)
        return Position(knob, knob.read(context))

    def turn(self, context: Context, service: Service, knob: Knob, value: float) -> Position:
        """Turn and journal; raises `InvalidInput` outside the bounds and `Throttled` during the cool-down."""
        context.caller.demand(knob.permission)
        with self._lock:
            before = knob.read(context)
            _check_bounds(knob, before, value)
            self._check_cooldown(f"{service.name}.{knob.name}", knob)
            return self._write(context, service, knob, value)

    def turn_back(self, context: Context, service: Service, knob: Knob, value: float) -> Position:
        """Take a turn back: at once, and however far it is; only the range still holds."""
        context.caller.demand(knob.permission)
        with self._lock:
            _check_range(knob, value)
            return self._write(context, service, knob, value)

    def _check_cooldown(self, subject: str, knob: Knob) -> None:
        last = newest_time(self.ports, "knob.turned", subject)
        if last is None:
            return
        left = knob.cooldown_seconds - (self.ports.clock.wall_ns() - last) / 1_000_000_000
        if left > 0:
            # A wall clock that was set back must not hold the knob for longer than its cool-down.
            wait = min(left, knob.cooldown_seconds)
            raise Throttled(f"{subject} was turned just now: let it show its effect first", retry_after=wait)

    def _write(self, context: Context, service: Service, knob: Knob, value: float) -> Position:
        before = knob.read(context)
        knob.write(context, value)
        after = knob.read(context)
        entry = JournalEntry(
            id=self.ports.ids.new(),
            time_ns=self.ports.clock.wall_ns(),
            tenant=context.caller.tenant,
            actor=context.caller.subject,
            type="knob.turned",
            subject=f"{service.name}.{knob.name}",
            payload={"from": before, "to": after},
        )
        with self.ports.database.transaction() as transaction:
            self.ports.journal.append(transaction, [entry])
        return Position(knob, after)


def _check_range(knob: Knob, value: float) -> None:
    if not knob.low <= value <= knob.high:
        raise InvalidInput(f"{knob.name} goes from {knob.low:g} to {knob.high:g}, not to {value:g}")


def _check_bounds(knob: Knob, before: float, value: float) -> None:
    _check_range(knob, value)
    if abs(value - before) > knob.step * (1 + _ROUNDING):
        raise InvalidInput(
            f"{knob.name} stands at {before:g} and turns by at most {knob.step:g} at a time: {value:g} is too far"
        )
