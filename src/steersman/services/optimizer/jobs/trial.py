"""Runs one experiment: turns a knob to and fro, measures its guard, keeps or takes back, and never leaves it hanging.

The prior value is in the database before the first turn, so that the next life takes back what a kill cut off. A knob
that somebody else turned meanwhile is left as they left it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from steersman.contract.ports import Context
from steersman.model.errors import Conflict, SteersmanError, Throttled
from steersman.model.ids import Tenant
from steersman.services.optimizer.logic.effect import Reading, effect_of, harms, order_of, values_of, verdict
from steersman.services.optimizer.model import wire
from steersman.services.optimizer.store.board import OptimizerState, calm, save
from steersman.services.optimizer.store.meters import Meter, meter_of
from steersman.services.optimizer.store.turning import Turnable, find

#: Readings in a period, and the share of it after a turn that is not counted, because effects take a moment.
_READINGS = 20
_SETTLING = 0.2
_CLOSE = 1e-9
_PATIENCE = 3


class Harm(Exception):
    """The guard is plainly worse, or the world is not calm: the message says why."""


@dataclass(slots=True)
class Trial:
    """One experiment while it runs."""

    ctx: Context
    tenant: Tenant
    one: wire.Experiment
    knob: Turnable
    meter: Meter
    _stands: float = 0.0
    _turns: int = 0
    _controls: list[float] = field(default_factory=list)

    async def run(self) -> wire.Experiment:
        """Run to the end; the knob then stands at `trial` if that was better, and as before otherwise."""
        self._stands = self.one.prior
        self._update(state=wire.State.RUNNING)
        try:
            await self._measure(tried=False)
            for tried in order_of(self.one.id, self.one.periods):
                await self._period(tried=tried)
        except asyncio.CancelledError:
            # An orderly stop: nobody is there to wait for, so the knob is turned back right here.
            with contextlib.suppress(SteersmanError):
                take_back(self.knob, self.one)
            raise
        except Harm as harm:
            return await self._end(wire.State.REVERTED, f"{harm}: taken back at once")
        except SteersmanError as error:
            return await self._end(wire.State.FAILED, error.message)
        settings = self._state.settings
        effect = effect_of(self.one.measured, lower_is_better=self.meter.lower_is_better)
        self.one = self.one.model_copy(update={"effect": effect})
        keep, why = verdict(effect, least_gain=settings.least_gain, significance=settings.significance)
        return await self._end(wire.State.KEPT if keep else wire.State.REVERTED, why)

    @property
    def _state(self) -> OptimizerState:
        state: OptimizerState = self.ctx.state
        return state

    def _update(self, **changes: object) -> None:
        self.one = save(self.ctx.ports, self.tenant, self.one.model_copy(update=changes))

    async def _period(self, *, tried: bool) -> None:
        began_ms = self.ctx.ports.clock.wall_ns() // 1_000_000
        await self._turn(self.one.trial if tried else self.one.prior)
        level = await self._measure(tried=tried)
        self.one.measured.append(wire.Period(tried=tried, started_ms=began_ms, value=level))

    async def _measure(self, *, tried: bool) -> float | None:
        """Return the mean of a period's values; the first such period, before any turn, says what is usual."""
        clock = self.ctx.ports.clock
        await clock.sleep(self.one.seconds * _SETTLING)
        readings: list[Reading] = []
        tick = self.one.seconds * (1 - _SETTLING) / _READINGS
        for _ in range(_READINGS):
            await clock.sleep(tick)
            self._take(readings, tried=tried)
        values = values_of(readings, self.meter.kind)
        if not tried:
            self._controls += values
        return sum(values) / len(values) if values else None

    def _take(self, readings: list[Reading], *, tried: bool) -> None:
        """Read once; raises `Harm` when the turn has to be taken back now."""
        if trouble := calm(self.ctx.ports):
            raise Harm(trouble)
        if (reading := self.meter.read()) is not None:
            readings.append(reading)
        if not tried:
            return
        values = values_of(readings, self.meter.kind)
        share = self._state.settings.harm_share
        if harms(self._controls, values, lower_is_better=self.meter.lower_is_better, share=share):
            raise Harm(
                f"the guard {self.one.guard} is at {values[-1]:.4g} instead of about {_middle(self._controls):.4g}"
            )

    async def _turn(self, value: float) -> None:
        """Turn if needed, once the cool-down is over; raises `Conflict` when somebody else has turned."""
        if abs(value - self._stands) <= _CLOSE:
            return
        self._turns += 1
        for _ in range(_PATIENCE):
            present = await asyncio.to_thread(self.knob.read)
            if abs(present - self._stands) > _CLOSE:
                raise Conflict(f"somebody turned {self.one.knob} to {present:g} meanwhile")
            try:
                await asyncio.to_thread(self.knob.turn, value, f"{self.one.id}:{self._turns}", self.one.by)
            except Throttled as wait:
                await self.ctx.ports.clock.sleep(wait.retry_after)
                continue
            self._stands = value
            return
        raise Conflict(f"{self.one.knob} may not be turned so often")

    async def _end(self, state: wire.State, reason: str) -> wire.Experiment:
        aim = self.one.trial if state is wire.State.KEPT else self.one.prior
        if state is wire.State.KEPT:
            try:
                await self._turn(aim)
            except SteersmanError as error:
                state, reason, aim = wire.State.FAILED, f"{reason}, but: {error.message}", self.one.prior
        if aim == self.one.prior:
            reason += await asyncio.to_thread(take_back, self.knob, self.one)
        self._update(state=state, reason=reason, ended_ms=self.ctx.ports.clock.wall_ns() // 1_000_000)
        return self.one


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def take_back(knob: Turnable, one: wire.Experiment) -> str:
    """Turn a knob back to what it was before, if it stands where the experiment put it; return what else there is."""
    present = knob.read()
    if abs(present - one.prior) <= _CLOSE:
        return ""
    if abs(present - one.trial) > _CLOSE:
        return f"; the knob stands at {present:g}, where somebody else turned it, and is left there"
    knob.turn_back(one.prior, f"{one.id}:back", one.by)
    return ""


def recover(ctx: Context, tenant: Tenant, one: wire.Experiment) -> wire.Experiment:
    """Take back what an earlier life of this process left turned; raises what the knob raises."""
    reason = "the platform stopped during the experiment"
    if one.state is wire.State.RUNNING:
        reason += take_back(find(ctx.ports, one.service, one.knob), one)
    ended = {"state": wire.State.INTERRUPTED, "reason": reason, "ended_ms": ctx.ports.clock.wall_ns() // 1_000_000}
    return save(ctx.ports, tenant, one.model_copy(update=ended))


async def run(ctx: Context, tenant: Tenant, one: wire.Experiment) -> wire.Experiment:
    """Run an experiment that was asked for."""
    try:
        knob = find(ctx.ports, one.service, one.knob)
        meter = meter_of(ctx.ports, knob)
        present = knob.read()
        if abs(present - one.prior) > _CLOSE:
            raise Conflict(f"{one.knob} was turned to {present:g} before the experiment began")
    except SteersmanError as error:
        ended_ms = ctx.ports.clock.wall_ns() // 1_000_000
        failed = {"state": wire.State.FAILED, "reason": error.message, "ended_ms": ended_ms}
        return save(ctx.ports, tenant, one.model_copy(update=failed))
    return await Trial(ctx, tenant, one, knob, meter).run()
