"""What the optimizer shows, and where experiments begin and are written down."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from steersman.contract.ports import Context, JournalEntry, Observer, Ports
from steersman.model.errors import Conflict, InvalidInput
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.services.optimizer.logic.recommend import Idle
from steersman.services.optimizer.model import wire
from steersman.services.optimizer.model.settings import OptimizerSettings
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.store.meters import meter_of
from steersman.services.optimizer.store.turning import Turnable, find

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Shown:
    """The recommendations for the default tenant as bytes, and how many there are."""

    recommendations: bytes
    open: int = 0


@dataclass(slots=True)
class OptimizerState:
    """What handlers and jobs share. `wanted` holds experiments that wait to be run."""

    settings: OptimizerSettings
    shown: Shown
    wanted: deque[tuple[Tenant, wire.Experiment]] = field(default_factory=deque)
    running: str = ""
    idle: tuple[Idle, ...] = ()
    idle_ms: int | None = None


def show(ports: Ports) -> Shown:
    """Read what there is to recommend now."""
    with ports.database.reading() as connection:
        found = tables.list_recommendations(connection, DEFAULT_TENANT)
    is_open = [one for one in found if one.state == wire.RecommendationState.OPEN]
    listed = wire.Recommendations(recommendations=is_open)
    return Shown(listed.model_dump_json().encode(), len(is_open))


def calm(ports: Ports) -> str:
    """Return why there must be no experiment now; nothing when there may be one."""
    observer: Observer | None = ports.provided.get(Observer)
    return observer.unrest() if observer is not None else ""


def begin(ctx: Context, wish: wire.ExperimentWish) -> wire.Experiment:
    """Check a wish, store it, and hand it to the job.

    Raises `NotFound` for an unknown knob or a guard that nothing measures, `Forbidden` without the knob's own
    permission, `InvalidInput` where there is no room for a step, and `Conflict` during an incident or another one.
    """
    ports, state = ctx.ports, ctx.state
    knob = find(ports, wish.service, wish.knob)
    ctx.caller.demand(knob.permission)
    meter, prior = meter_of(ports, knob), knob.read()
    trial = _trial(knob, prior, wish)
    if trouble := calm(ports):
        raise Conflict(f"no experiment now: {trouble}")
    one = wire.Experiment(
        id=str(ports.ids.new()),
        service=wish.service,
        knob=wish.knob,
        guard=knob.guard,
        lower_is_better=meter.lower_is_better,
        prior=prior,
        trial=trial,
        periods=wish.periods,
        seconds=max(wish.seconds, knob.cooldown_seconds),
        by=ctx.caller.subject,
        state=wire.State.QUEUED,
        created_ms=ports.clock.wall_ns() // 1_000_000,
    )
    with ports.database.transaction() as transaction:
        tables.add_experiment(transaction, ctx.caller.tenant, one)
        ports.journal.append(transaction, [_entry(ports, ctx.caller.tenant, one)])
    state.wanted.append((ctx.caller.tenant, one))
    return one


def _trial(knob: Turnable, prior: float, wish: wire.ExperimentWish) -> float:
    trial = prior + (knob.step if wish.direction == "up" else -knob.step)
    if not knob.low - _ROUNDING <= trial <= knob.high + _ROUNDING:
        raise InvalidInput(
            f"{knob.name} stands at {prior:g} and goes from {knob.low:g} to {knob.high:g}: no step {wish.direction}"
        )
    return trial


def save(ports: Ports, tenant: Tenant, one: wire.Experiment) -> wire.Experiment:
    """Store an experiment with its entry in the journal."""
    with ports.database.transaction() as transaction:
        tables.save_experiment(transaction, one)
        ports.journal.append(transaction, [_entry(ports, tenant, one)])
    return one


def _entry(ports: Ports, tenant: Tenant, one: wire.Experiment) -> JournalEntry:
    return JournalEntry(
        id=ports.ids.new(),
        time_ns=ports.clock.wall_ns(),
        tenant=tenant,
        actor=one.by,
        type="optimizer.experiment",
        subject=f"{one.service}.{one.knob}",
        payload={
            "experiment": one.id,
            "state": one.state.value,
            "prior": one.prior,
            "trial": one.trial,
            "reason": one.reason,
        },
    )


def answer(ctx: Context, id: str, state: wire.RecommendationState) -> wire.Recommendation:
    """Note a person's answer to a recommendation; raises `NotFound`, and `Conflict` where it was answered before."""
    now_ms = ctx.ports.clock.wall_ns() // 1_000_000
    with ctx.ports.database.transaction() as transaction:
        one = tables.the_recommendation(transaction, ctx.caller.tenant, id)
        if one.state != wire.RecommendationState.OPEN:
            raise Conflict(f"the recommendation {id} is {one.state} already")
        one = one.model_copy(update={"state": state, "updated_ms": now_ms})
        tables.save_recommendation(transaction, ctx.caller.tenant, one)
    ctx.state.shown = show(ctx.ports)
    return one
