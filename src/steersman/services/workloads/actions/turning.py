"""Turn a number that a service reads, or send its callers to a standby: one small file is replaced, and put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput
from steersman.services.workloads.actions.once import once, once_back
from steersman.services.workloads.actions.rollback import told
from steersman.services.workloads.actions.targets import PERMISSION, fleet_of, target_service, view_of, which
from steersman.services.workloads.model.definition import ServiceDefinition, ServiceKnob
from steersman.services.workloads.model.versions import Track, TrackKind
from steersman.services.workloads.model.wishes import FailOver, KnobWish, Switched
from steersman.services.workloads.store.disk import number_text, read_number, read_text, replace_file, write_number
from steersman.services.workloads.store.view import FleetView


def _knob(ctx: Context, args: KnobWish) -> ServiceKnob:
    found = view_of(ctx).definition(args.service).knobs.get(args.knob)
    if found is None:
        raise InvalidInput(f"{args.service} has no knob {args.knob!r} in the settings")
    return found


def _stands(ctx: Context, args: KnobWish) -> Mapping[str, Any]:
    knob = _knob(ctx, args)
    return {"value": read_number(knob.file, knob.default)}


def _check(knob: ServiceKnob, name: str, before: float, to: float) -> None:
    if not knob.low <= to <= knob.high:
        raise InvalidInput(f"{name} goes from {knob.low:g} to {knob.high:g}")
    if abs(to - before) > knob.step:
        raise InvalidInput(f"{name} is turned by {knob.step:g} at a time, and stands at {before:g}")


def _write(ctx: Context, args: KnobWish, expected: float, to: float) -> dict[str, str]:
    """Write the number, and have it read; a person who turned it meanwhile keeps the last word."""
    fleet, knob = fleet_of(ctx), _knob(ctx, args)
    present = read_number(knob.file, knob.default)
    if present != to:
        if present != expected:
            raise Conflict(f"{args.knob} of {args.service} was turned to {present:g} meanwhile")
        write_number(knob.file, to)
    told(ctx, Track(args.service, TrackKind.KNOB, args.knob), number_text(expected), number_text(to))
    signal = fleet.view.definition(args.service).reload_signal
    if not knob.reload or signal is None:
        return {}
    return {
        one.name: f"got {signal}"
        for one in fleet.view.replicas(args.service)
        if fleet.signal(one.service, one.number, signal)
    }


def _turn(ctx: Context, args: KnobWish, before: Mapping[str, Any]) -> Switched:
    _check(_knob(ctx, args), args.knob, before["value"], args.value)
    replicas = _write(ctx, args, before["value"], args.value)
    return Switched(args.service, f"{before['value']:g}", f"{args.value:g}", replicas)


def _turn_back(ctx: Context, args: KnobWish, result: Switched, before: Mapping[str, Any]) -> None:
    _write(ctx, args, args.value, float(result.before))


def _preview_knob(ctx: Context, args: KnobWish) -> Preview:
    knob = _knob(ctx, args)
    stands = read_number(knob.file, knob.default)
    _check(knob, args.knob, stands, args.value)
    return Preview(
        f"turn {args.knob} of {args.service} from {stands:g} to {args.value:g}, in {knob.file}",
        f"turn it back to {stands:g}",
        {args.knob: {"from": stands, "to": args.value}},
    )


def _propose_knob(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[KnobWish]:
    """A knob that helps is turned towards its aim, a step at a time, and rests there."""
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is None:
        return
    for service, name, knob in _sparing(view, wish.service):
        if cause not in knob.helps or knob.aim is None:
            continue
        stands = read_number(knob.file, knob.default)
        if stands != knob.aim:
            to = min(max(knob.aim, stands - knob.step), stands + knob.step)
            yield KnobWish(service, name, to)


def _sparing(view: FleetView, service: str) -> Iterator[tuple[str, str, ServiceKnob]]:
    """Yield a service's own knobs, then those of others that spare it."""
    yield from ((service, name, knob) for name, knob in view.definition(service).knobs.items())
    for other, definition in view.definitions.items():
        yield from ((other, name, knob) for name, knob in definition.knobs.items() if knob.about == service)


SET_KNOB = Action(
    name="set_knob",
    help="Turn a number that a service reads from a file, inside the bounds that its owner set.",
    args=KnobWish,
    result=Switched,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview_knob,
    inspect=_stands,
    apply=once("set_knob", Switched, _stands, _turn),
    undo=once_back("set_knob", _stands, _turn_back),
    target_kind=EntityKind.SERVICE,
    target=target_service,
    # Which cause a knob helps with stands in the settings; one that helps with nothing is never proposed.
    helps=frozenset(CauseKind),
    propose=_propose_knob,
    gain=0.8,
)

# ---------------------------------------------------------------------------------------------------------- standby


def _route(ctx: Context, service: str) -> tuple[ServiceDefinition, str]:
    definition = view_of(ctx).definition(service)
    if definition.route_file is None:
        raise InvalidInput(f"{service} has no standby in the settings")
    return definition, definition.route_file


def _address(view: FleetView, args: FailOver) -> str:
    if args.to not in {args.service, view.definition(args.service).standby}:
        raise InvalidInput(f"{args.to} is not the standby of {args.service}")
    return view.definition(args.to).address


def _active(ctx: Context, args: FailOver) -> Mapping[str, Any]:
    definition, file = _route(ctx, args.service)
    return {"address": read_text(file) or definition.address}


def _point(ctx: Context, args: FailOver, expected: str, to: str) -> None:
    _, file = _route(ctx, args.service)
    present = read_text(file) or expected
    if present != to:
        if present != expected:
            raise Conflict(f"{file} was switched to {present} meanwhile")
        replace_file(Path(file), f"{to}\n".encode())


def _fail_over(ctx: Context, args: FailOver, before: Mapping[str, Any]) -> Switched:
    view = fleet_of(ctx).view
    to = _address(view, args)
    if before["address"] != to and not view.is_well(args.to):
        raise Conflict(f"{args.to} does not answer: nobody is sent to it")
    _point(ctx, args, before["address"], to)
    return Switched(args.service, before["address"], to, {})


def _fail_back(ctx: Context, args: FailOver, result: Switched, before: Mapping[str, Any]) -> None:
    _point(ctx, args, result.after, result.before)


def _preview_route(ctx: Context, args: FailOver) -> Preview:
    present, to = _active(ctx, args)["address"], _address(view_of(ctx), args)
    return Preview(
        f"send the callers of {args.service} from {present} to {to}, which is {args.to}",
        f"send them to {present} again",
        {"address": {"from": present, "to": to}},
    )


def _propose_route(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[FailOver]:
    """A standby that answers takes over from the service in trouble, or from one that it calls and that is unwell."""
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is None:
        return
    needed = [name for name in view.definition(wish.service).depends_on if not view.is_well(name)]
    for name in (wish.service, *needed):
        standby = view.definition(name).standby
        if standby is None or not view.is_well(standby):
            continue
        fail_over = FailOver(name, standby)
        if _active(ctx, fail_over)["address"] != view.definition(standby).address:
            yield fail_over


FAIL_OVER = Action(
    name="fail_over",
    help="Send the callers of a service to its standby, or back.",
    args=FailOver,
    result=Switched,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview_route,
    inspect=_active,
    apply=once("fail_over", Switched, _active, _fail_over),
    undo=once_back("fail_over", _active, _fail_back),
    target_kind=EntityKind.SERVICE,
    target=target_service,
    helps=frozenset(
        {
            CauseKind.FAILING_DEPENDENCY,
            CauseKind.SLOW_DEPENDENCY,
            CauseKind.NETWORK_LOSS,
            CauseKind.CRASH_LOOP,
        }
    ),
    propose=_propose_route,
    gain=0.85,
)
