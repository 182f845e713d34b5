"""Runs experiments one at a time, takes back what an earlier life left, and looks for what to recommend.

With nothing asked for it wakes once a second to look at a queue in memory.
"""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Context, Ports
from steersman.model.errors import NotFound, SteersmanError, Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.house import House
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.optimizer.jobs.trial import recover, run
from steersman.services.optimizer.logic.effect import values_of
from steersman.services.optimizer.logic.recommend import KnobFacts, merged, of_idle, of_knob
from steersman.services.optimizer.model import wire
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.store.board import OptimizerState, begin, calm, show
from steersman.services.optimizer.store.idle import idle_services
from steersman.services.optimizer.store.meters import Meter, meter_of
from steersman.services.optimizer.store.turning import turnables

_POLL_SECONDS = 1.0
_FIRST_SECONDS = 30.0
_RETRY_SECONDS = 10.0
_SHARE_OF_TIME = 50
_DAY_MS = 86_400_000
#: What a week held at most hardly changes within some hours, and takes hundreds of questions to find out.
_IDLE_MS = _DAY_MS // 4
#: So long a person's answer to a recommendation holds, and a knob that was tried is not recommended again.
_SILENCE_MS = 30 * _DAY_MS
_TRIED_MS = 7 * _DAY_MS


async def experiment(ctx: Context) -> None:
    """Take back what was cut off, then run what is asked for."""
    state: OptimizerState = ctx.state
    clock = ctx.ports.clock
    await _take_back_all(ctx)
    while True:
        if state.wanted:
            tenant, one = state.wanted.popleft()
            state.running = one.id
            try:
                await run(ctx, tenant, one)
            finally:
                state.running = ""
        await clock.sleep(_POLL_SECONDS)


async def _take_back_all(ctx: Context) -> None:
    """End what an earlier life left open, however long the knob's owner takes to start or to let itself be turned."""
    with ctx.ports.database.reading() as connection:
        left = tables.open_experiments(connection)
    asked = {one.id for _, one in ctx.state.wanted}
    waiting = [(tenant, one) for tenant, one in left if one.id not in asked]
    house = ctx.ports.get(House)
    while waiting:
        tenant, one = waiting[0]
        try:
            if not all(house.started(service) for service in house.services):
                raise Temporary("services are still starting")
            await asyncio.to_thread(recover, ctx, tenant, one)
        except NotFound:
            gone = {"state": wire.State.FAILED, "reason": f"{one.knob} of {one.service} is gone"}
            with ctx.ports.database.transaction() as transaction:
                tables.save_experiment(transaction, one.model_copy(update=gone))
        except SteersmanError:
            await ctx.ports.clock.sleep(_RETRY_SECONDS)
            continue
        waiting.pop(0)


async def recommend(ctx: Context) -> None:
    """Look for what to recommend, and start an experiment now and then where the settings allow that."""
    state: OptimizerState = ctx.state
    clock, settings = ctx.ports.clock, state.settings
    await clock.sleep(_FIRST_SECONDS)
    while True:
        began = clock.monotonic()
        try:
            await asyncio.to_thread(look, ctx)
            if settings.experiments:
                await asyncio.to_thread(_experiment_unasked, ctx)
        except Temporary:
            await clock.sleep(_RETRY_SECONDS)
            continue
        await clock.sleep(max(settings.interval_seconds, (clock.monotonic() - began) * _SHARE_OF_TIME))


def look(ctx: Context) -> None:
    """Look once, and store what there is to recommend."""
    ports, state = ctx.ports, ctx.state
    store = ports.get(TelemetryStore)
    if not store.ready:
        raise Temporary("the store is replaying its log")
    now_ms = ports.clock.wall_ns() // 1_000_000
    found = [one for facts in _knobs(ports, now_ms) if (one := of_knob(facts)) is not None]
    if state.idle_ms is None or now_ms - state.idle_ms >= _IDLE_MS:
        state.idle, state.idle_ms = tuple(idle_services(store.queries, now_ms)), now_ms
    for idle in state.idle:
        found += of_idle(idle, state.settings.idle_share)
    with ports.database.transaction() as transaction:
        known = tables.list_recommendations(transaction, DEFAULT_TENANT)
        fresh = sorted(merged(found, known, now_ms, _SILENCE_MS), key=lambda one: one.id)
        is_open = [one for one in known if one.state == wire.RecommendationState.OPEN]
        if fresh == is_open:
            return
        tables.replace_open(transaction, DEFAULT_TENANT, fresh)
    state.shown = show(ports)


def _knobs(ports: Ports, now_ms: int) -> list[KnobFacts]:
    with ports.database.reading() as connection:
        made = tables.list_experiments(connection, DEFAULT_TENANT)
    lately = {(one.service, one.knob) for one in made if now_ms - one.created_ms < _TRIED_MS}
    found = []
    for knob in turnables(ports):
        if (knob.service, knob.name) in lately:
            continue
        try:
            value, meter = knob.read(), meter_of(ports, knob)
        except SteersmanError:  # its owner is away, or nothing measures its guard: there is nothing to try
            continue
        found.append(
            KnobFacts(
                service=knob.service,
                knob=knob.name,
                help=knob.help,
                value=value,
                low=knob.low,
                high=knob.high,
                step=knob.step,
                cooldown_seconds=knob.cooldown_seconds,
                guard=knob.guard,
                guard_now=_now(meter),
            )
        )
    return found


def _now(meter: Meter) -> float | None:
    """Return a guard's present value; of a counter or a mean, that since its start."""
    reading = meter.read()
    if reading is None:
        return None
    values = values_of([(0.0, 0.0, 0.0), reading] if meter.kind != "level" else [reading], meter.kind)
    return values[-1] if values else None


def _experiment_unasked(ctx: Context) -> None:
    """Try the knob that is recommended first, if all is calm and the last experiment was long ago."""
    state: OptimizerState = ctx.state
    now_ms = ctx.ports.clock.wall_ns() // 1_000_000
    with ctx.ports.database.reading() as connection:
        made = tables.list_experiments(connection, DEFAULT_TENANT)
        known = tables.list_recommendations(connection, DEFAULT_TENANT)
    if state.running or state.wanted or calm(ctx.ports):
        return
    if made and now_ms - made[0].created_ms < state.settings.every_hours * 3_600_000:
        return
    for one in known:
        if one.kind == "try_knob" and one.state == wire.RecommendationState.OPEN:
            begin(ctx, wire.ExperimentWish(service=one.service, knob=one.subject, direction=one.direction))
            return
