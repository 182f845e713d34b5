"""Take a process a little aside so that its neighbours get on: a lower priority, and one core instead of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
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
from steersman.services.workloads.model.replicas import Identity
from steersman.services.workloads.model.wishes import Held, Priority, Renice, Reprioritised, Which
from steersman.services.workloads.store.priority import may_return_to, priority_of, set_priority
from steersman.services.workloads.store.view import FleetView

#: A service that takes half a core or more can be noticed by its neighbours.
_BURNS_CORES = 0.5
#: Half way down: it still runs when there is room, and gives way at once when there is not.
_ASIDE = 10
_Choose = Callable[[Any, Priority], Priority]


def _priorities(ctx: Context, args: NamedReplica) -> Mapping[str, Any]:
    """Say who the replicas are and what they may take."""
    found = {}
    for replica in meant(view_of(ctx), args):
        if replica.identity is None:
            continue
        try:
            present = priority_of(replica.identity)
        except ProcessLookupError:
            continue
        found[str(replica.number)] = {
            "nice": present.nice,
            "cores": list(present.cores),
            "session": present.session,
        }
    return {**identities(ctx, args), "priorities": found}


def _prior_of(before: Mapping[str, Any], number: int) -> Priority | None:
    known = before["priorities"].get(str(number))
    return Priority(known["nice"], tuple(known["cores"]), known.get("session")) if known else None


def _setting(choose: _Choose) -> Callable[[Context, Any, Mapping[str, Any]], Reprioritised]:
    """Return what gives each replica the chosen priority, as long as it is the process that was seen."""

    def do(ctx: Context, args: NamedReplica, before: Mapping[str, Any]) -> Reprioritised:
        held = {}
        for replica in meant(fleet_of(ctx).view, args):
            identity, prior = identity_in(before, replica), _prior_of(before, replica.number)
            if identity is None or prior is None:
                continue
            after = choose(args, prior)
            if after.nice > prior.nice and not may_return_to(prior.nice):
                raise Conflict(f"a niceness of {prior.nice} could not be given back here: that needs CAP_SYS_NICE")
            if set_priority(identity, after):
                held[replica.name] = Held(identity.pid, identity.start_ticks, identity.boot, prior, after)
        if not held:
            raise NotFound(f"no process of {args.service} is there any more")
        return Reprioritised(args.service, held)

    return do


def _release(ctx: Context, args: NamedReplica, result: Reprioritised, before: Mapping[str, Any]) -> None:
    """Give back what each process had; one that was restarted since has it already."""
    for held in result.replicas.values():
        set_priority(Identity(held.pid, held.start_ticks, held.boot), held.before)


def _burning(view: FleetView, service: str) -> float:
    return sum(one.usage.cores for one in view.replicas(service))


def _culprit(view: FleetView, entity: Entity, cause: CauseKind) -> str | None:
    """Return the service to take aside: the one that is blamed if it burns, else whoever burns most.

    Somebody else than the blamed one is only taken aside for a noisy neighbour.
    """
    wish = which(view, entity)
    if wish is not None and _burning(view, wish.service) >= _BURNS_CORES:
        return wish.service
    if entity.kind is not EntityKind.HOST and cause is not CauseKind.NOISY_NEIGHBOUR:
        return None
    most = max(view.definitions, key=lambda name: _burning(view, name), default=None)
    return most if most is not None and _burning(view, most) >= _BURNS_CORES else None


def _propose(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[str]:
    view = view_of(ctx)
    service = _culprit(view, entity, cause)
    if service is None:
        return
    needed = any(service in definition.depends_on for definition in view.definitions.values())
    if cause is CauseKind.NOISY_NEIGHBOUR or not needed:
        yield service


def _niceness(ctx: Context, service: str) -> int | None:
    known = _priorities(ctx, Which(service))["priorities"].values()
    return max((one["nice"] for one in known), default=None)


def _propose_renice(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Renice]:
    for service in _propose(ctx, entity, cause):
        nice = _niceness(ctx, service)
        if nice is not None and nice < _ASIDE and may_return_to(nice):
            yield Renice(service, _ASIDE)


def _propose_throttle(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Which]:
    for service in _propose(ctx, entity, cause):
        known = _priorities(ctx, Which(service))["priorities"].values()
        if any(len(one["cores"]) > 1 for one in known):
            yield Which(service)


def _throttled(args: Which, prior: Priority) -> Priority:
    nice = max(prior.nice, _ASIDE) if may_return_to(prior.nice) else prior.nice
    return Priority(nice, prior.cores[-1:], _aside(prior.session))


def _aside(session: int | None) -> int | None:
    """Return the weight of a session that steps aside, where there is one and it can be given back."""
    return session if session is None or not may_return_to(session) else max(session, _ASIDE)


def _preview(choose: _Choose) -> Callable[[Context, Any], Preview]:
    def preview(ctx: Context, args: NamedReplica) -> Preview:
        before = _priorities(ctx, args)
        changes = {}
        for replica in meant(view_of(ctx), args):
            if prior := _prior_of(before, replica.number):
                after = choose(args, prior)
                changes[replica.name] = {"from": _shown(prior), "to": _shown(after)}
        words = "; ".join(f"{name} from {change['from']} to {change['to']}" for name, change in changes.items())
        return Preview(f"take aside {words or 'nothing, as nothing runs'}", "give back what each had", changes)

    return preview


def _shown(priority: Priority) -> str:
    session = "" if priority.session is None else f" (its session {priority.session})"
    return f"nice {priority.nice}{session} on cores {', '.join(map(str, priority.cores))}"


def _reniced(args: Renice, prior: Priority) -> Priority:
    return Priority(args.nice, prior.cores, None if prior.session is None else args.nice)


RENICE = Action(
    name="renice",
    help="Give the processes of a service another priority.",
    args=Renice,
    result=Reprioritised,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview(_reniced),
    inspect=_priorities,
    apply=once("renice", Reprioritised, _priorities, _setting(_reniced)),
    undo=once_back("renice", _priorities, _release),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=frozenset({CauseKind.NOISY_NEIGHBOUR}),
    propose=_propose_renice,
    gain=0.5,
)
THROTTLE = Action(
    name="throttle",
    help="Confine the processes of a service to one core, at a lower priority where that can be given back.",
    args=Which,
    result=Reprioritised,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview(_throttled),
    inspect=_priorities,
    apply=once("throttle", Reprioritised, _priorities, _setting(_throttled)),
    undo=once_back("throttle", _priorities, _release),
    target_kind=EntityKind.SERVICE,
    target=target_replica,
    helps=frozenset({CauseKind.NOISY_NEIGHBOUR}),
    propose=_propose_throttle,
    gain=0.6,
)
