"""Restart, start, stop, reload, signal. Each compares who the process was with who it is, so that it happens once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Expectation, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, NotFound
from steersman.services.workloads.actions.once import once, once_back
from steersman.services.workloads.actions.targets import (
    PERMISSION,
    NamedReplica,
    fleet_of,
    identities,
    identity_in,
    meant,
    target_replica,
    view_of,
    which,
)
from steersman.services.workloads.model.replicas import Condition, Identity, Replica
from steersman.services.workloads.model.wishes import Moved, SignalWish, Which
from steersman.services.workloads.store.fleet import Fleet

_HEALTHY = (Expectation("steersman_services_healthy", within_seconds=20),)
#: Causes of which nothing is left in a fresh process, or that a fresh process holds off for a while.
_RESTART_HELPS = frozenset(
    {
        CauseKind.CRASH,
        CauseKind.HANG,
        CauseKind.MEMORY_LEAK,
        CauseKind.DESCRIPTOR_LEAK,
        CauseKind.LOCK_CONTENTION,
        CauseKind.POOL_EXHAUSTION,
        CauseKind.CPU_SATURATION,
        CauseKind.BACKLOG,
        # A process that goes round and round in an error writes about it all the time.
        CauseKind.LOG_FLOOD,
    }
)
_Move = Callable[[Fleet, Replica, Identity | None], str]


def _each(move: _Move) -> Callable[[Context, Any, Mapping[str, Any]], Moved]:
    """Return what moves each replica from who it was before the effect."""

    def do(ctx: Context, args: NamedReplica, before: Mapping[str, Any]) -> Moved:
        fleet = fleet_of(ctx)
        told = {one.name: move(fleet, one, identity_in(before, one)) for one in meant(fleet.view, args)}
        return Moved(args.service, told)

    return do


def _back(move: _Move) -> Callable[[Context, Any, Any, Mapping[str, Any]], None]:
    def do(ctx: Context, args: NamedReplica, result: Moved, before: Mapping[str, Any]) -> None:
        _each(move)(ctx, args, before)

    return do


def _names(ctx: Context, args: NamedReplica) -> str:
    return ", ".join(replica.name for replica in meant(view_of(ctx), args)) or args.service


def _who(ctx: Context, args: NamedReplica) -> Mapping[str, Any]:
    return {
        replica.name: {"pid": replica.identity.pid if replica.identity else None}
        for replica in meant(view_of(ctx), args)
    }


# -------------------------------------------------------------------------------------------------------- restart


def restart_once(fleet: Fleet, replica: Replica, before: Identity | None) -> str:
    """Restart a replica unless it is another process than before."""
    if replica.identity is not None and replica.identity != before:
        return f"was restarted already, as process {replica.identity.pid}"
    started = fleet.restart(replica.service, replica.number).identity
    return f"runs as process {started.pid if started else 0}"


def _preview_restart(ctx: Context, args: Which) -> Preview:
    seconds = view_of(ctx).definition(args.service).stop_seconds
    return Preview(
        f"stop {_names(ctx, args)} within {seconds:g} s and start it again, one replica after the other",
        "a restart cannot be undone: what the process held in memory is lost",
        _who(ctx, args),
    )


def _propose_restart(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Which]:
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is None:
        return
    replicas = [one for one in meant(view, wish) if one.identity is not None and one.wanted]
    unwell = [one for one in replicas if view.condition(one) is Condition.UNHEALTHY]
    if len(unwell) == 1:
        yield Which(wish.service, unwell[0].number)
    elif replicas:
        yield wish


RESTART = Action(
    name="restart",
    help="Stop a service, or one replica of it, and start it again.",
    args=Which,
    result=Moved,
    permission=PERMISSION,
    risk=Risk.DISRUPTIVE,
    preview=_preview_restart,
    inspect=identities,
    apply=once("restart", Moved, identities, _each(restart_once)),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=_RESTART_HELPS,
    propose=_propose_restart,
    gain=0.7,
    expects=_HEALTHY,
    timeout_seconds=90.0,
    per_hour=30,
)

# --------------------------------------------------------------------------------------------------- start and stop


def _start(fleet: Fleet, replica: Replica, before: Identity | None) -> str:
    if replica.identity is not None:
        return f"runs already, as process {replica.identity.pid}"
    started = fleet.start(replica.service, replica.number).identity
    return f"runs as process {started.pid if started else 0}"


def _stop(fleet: Fleet, replica: Replica, before: Identity | None) -> str:
    if replica.identity is not None and replica.identity != before:
        return f"was started again meanwhile, as process {replica.identity.pid}"
    return fleet.stop(replica.service, replica.number)


def _end(fleet: Fleet, replica: Replica, before: Identity | None) -> str:
    return fleet.stop(replica.service, replica.number)


def _preview_start(ctx: Context, args: Which) -> Preview:
    return Preview(f"start {_names(ctx, args)} where it does not run", "stop it again", _who(ctx, args))


def _preview_stop(ctx: Context, args: Which) -> Preview:
    seconds = view_of(ctx).definition(args.service).stop_seconds
    summary = f"stop {_names(ctx, args)} within {seconds:g} s and leave it stopped, also over a restart of the platform"
    return Preview(summary, "start it again", _who(ctx, args))


def _propose_start(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Which]:
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is not None and any(view.condition(one) is Condition.GONE for one in meant(view, wish)):
        yield wish


START = Action(
    name="start",
    help="Start a service, or one replica of it, that does not run.",
    args=Which,
    result=Moved,
    permission=PERMISSION,
    risk=Risk.DISRUPTIVE,
    preview=_preview_start,
    inspect=identities,
    apply=once("start", Moved, identities, _each(_start)),
    compensate=once_back("start", identities, _back(_end)),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=frozenset({CauseKind.CRASH}),
    propose=_propose_start,
    gain=0.9,
    expects=_HEALTHY,
    timeout_seconds=30.0,
)
STOP = Action(
    name="stop",
    help="Stop a service, or one replica of it, until somebody starts it.",
    args=Which,
    result=Moved,
    permission=PERMISSION,
    risk=Risk.DISRUPTIVE,
    preview=_preview_stop,
    inspect=identities,
    apply=once("stop", Moved, identities, _each(_stop)),
    compensate=once_back("stop", identities, _back(_start)),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    timeout_seconds=60.0,
)


# ------------------------------------------------------------------------------------------------- reload and signal


def _signal(fleet: Fleet, replica: Replica, before: Identity | None, name: str) -> str:
    if replica.identity is None or replica.identity != before:
        return ""
    sent = fleet.signal(replica.service, replica.number, name)
    return f"got SIG{name.removeprefix('SIG')}" if sent else ""


def _send(ctx: Context, key: str, args: NamedReplica, name: str) -> Moved:
    """Send a signal at most once: what is about to be sent is noted first, since nobody can see afterwards."""
    fleet = fleet_of(ctx)
    if known := fleet.done(key):
        return Moved(**known)
    prior = ctx.prior or identities(ctx, args)
    fleet.note(key, asdict(Moved(args.service, {one.name: "may have got it" for one in meant(fleet.view, args)})))
    told = {one.name: _signal(fleet, one, identity_in(prior, one), name) for one in meant(fleet.view, args)}
    if not any(told.values()):
        raise NotFound(f"no process of {args.service} is the one that was meant: it ended, or was started again")
    result = Moved(args.service, {replica: how or "is another process by now" for replica, how in told.items()})
    fleet.note(key, asdict(result))
    return result


def _reload_signal(ctx: Context, service: str) -> str:
    found = view_of(ctx).definition(service).reload_signal
    if found is None:
        raise Conflict(f"{service} has no reload_signal in the settings: restart it instead")
    return found


def _preview_reload(ctx: Context, args: Which) -> Preview:
    summary = f"send {_reload_signal(ctx, args.service)} to {_names(ctx, args)}, so that it reads its configuration"
    return Preview(summary, "it reads the configuration that it finds; put the file back and reload", _who(ctx, args))


def _preview_signal(ctx: Context, args: SignalWish) -> Preview:
    return Preview(f"send SIG{args.signal} to {_names(ctx, args)}", "a signal cannot be taken back", _who(ctx, args))


def _propose_reload(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Which]:
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is None or view.definition(wish.service).reload_signal is None:
        return
    if any(one.identity is not None for one in meant(view, wish)):
        yield wish


def _propose_signal(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[SignalWish]:
    """A process that was stopped in its tracks goes on with SIGCONT; there is no other signal that helps by itself."""
    view = view_of(ctx)
    wish = which(view, entity)
    for replica in meant(view, wish) if wish is not None else ():
        if replica.identity is not None and replica.usage.state == "T":
            yield SignalWish(replica.service, "CONT", replica.number)


RELOAD = Action(
    name="reload",
    help="Make a service read its configuration again, with the signal that its settings name.",
    args=Which,
    result=Moved,
    permission=PERMISSION,
    risk=Risk.DISRUPTIVE,
    preview=_preview_reload,
    inspect=identities,
    apply=lambda ctx, key, args: _send(ctx, f"reload:{key}", args, _reload_signal(ctx, args.service)),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=frozenset({CauseKind.EXPIRED_CERTIFICATE, CauseKind.BAD_CONFIG}),
    propose=_propose_reload,
    gain=0.4,
    expects=_HEALTHY,
)
SIGNAL = Action(
    name="signal",
    help="Send a signal to the processes of a service.",
    args=SignalWish,
    result=Moved,
    permission=PERMISSION,
    risk=Risk.DISRUPTIVE,
    preview=_preview_signal,
    inspect=identities,
    apply=lambda ctx, key, args: _send(ctx, f"signal:{key}", args, args.signal),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=frozenset({CauseKind.HANG}),
    propose=_propose_signal,
    gain=0.9,
    expects=_HEALTHY,
)
