"""Turns a service's knobs: inside their range, no further than one step, not again before the cool-down.

Every turn is in the journal with both values. What a knob does is the service's own affair.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from steersman.contract.ports import Context, JournalEntry, Ports
from steersman.contract.service import Knob, Service
from steersman.model.errors import InvalidInput, Throttled

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
    _turned: dict[str, float] = field(default_factory=dict)

    def position(self, context: Context, knob: Knob) -> Position:
        context.caller.demand(knob.permission)
        return Position(knob, knob.read(context))

    def turn(self, context: Context, service: Service, knob: Knob, value: float) -> Position:
        """Turn and journal; raises `InvalidInput` outside the bounds and `Throttled` during the cool-down."""
        context.caller.demand(knob.permission)
        subject = f"{service.name}.{knob.name}"
        with self._lock:
            before = knob.read(context)
            _check_bounds(knob, before, value)
            self._check_cooldown(subject, knob)
            knob.write(context, value)
            after = knob.read(context)
            self._turned[subject] = self.ports.clock.monotonic()
            self._write(context, subject, before, after)
        return Position(knob, after)

    def _check_cooldown(self, subject: str, knob: Knob) -> None:
        last = self._turned.get(subject)
        if last is None:
            return
        left = last + knob.cooldown_seconds - self.ports.clock.monotonic()
        if left > 0:
            raise Throttled(f"{subject} was turned just now: let it show its effect first", retry_after=left)

    def _write(self, context: Context, subject: str, before: float, after: float) -> None:
        entry = JournalEntry(
            id=self.ports.ids.new(),
            time_ns=self.ports.clock.wall_ns(),
            tenant=context.caller.tenant,
            actor=context.caller.subject,
            type="knob.turned",
            subject=subject,
            payload={"from": before, "to": after},
        )
        with self.ports.database.transaction() as transaction:
            self.ports.journal.append(transaction, [entry])


def _check_bounds(knob: Knob, before: float, value: float) -> None:
    if not knob.low <= value <= knob.high:
        raise InvalidInput(f"{knob.name} goes from {knob.low:g} to {knob.high:g}, not to {value:g}")
    if abs(value - before) > knob.step * (1 + _ROUNDING):
        raise InvalidInput(
            f"{knob.name} stands at {before:g} and turns by at most {knob.step:g} at a time: {value:g} is too far"
        )
