"""Restart, start, stop, reload and signal a systemd unit. Its identity is the invocation, new after each start."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput
from steersman.services.orchestrators.logic import unchanged
from steersman.services.orchestrators.model import Changed, Unit, UnitSeen, UnitSignal, service_of
from steersman.services.orchestrators.store.connections import Orchestrators, asking

PERMISSION = "orchestrators.units.control"
#: systemd's own default for how long a unit may take to stop and to start is 90 seconds each.
_JOB_SECONDS = 170.0
_METHODS = {"restart": "RestartUnit", "start": "StartUnit", "stop": "StopUnit", "reload": "ReloadUnit"}
_UNDO = {
    "restart": "it runs again by itself; what it held in memory is lost",
    "start": "stop it again",
    "stop": "start it again",
    "reload": "put its old configuration back and reload again",
}


def _preview(verb: str, context: Context, args: Unit) -> Preview:
    seen = asking(context).systemd(args.unit).unit(args.unit)
    return Preview(f"{verb} the unit {args.unit}, which is {seen.active}", _UNDO[verb], {"active": seen.active})


def _inspect(context: Context, args: Unit | UnitSignal) -> Mapping[str, Any]:
    seen = asking(context).systemd(args.unit).unit(args.unit)
    return {"invocation": seen.invocation, "active": seen.active, "changed_us": seen.changed_us}


def _apply(verb: str, context: Context, key: str, args: Unit) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        systemd = state.systemd(args.unit)
        seen = systemd.reader.unit(args.unit)
        if _had_effect(verb, seen, context.prior):
            return unchanged(args.unit, seen.active) if context.prior is None else Changed(args.unit, seen.active)
        if verb == "reload" and not seen.running:
            raise Conflict(f"the unit {args.unit} is {seen.active} and cannot be reloaded")
        systemd.do(_METHODS[verb], args.unit, _JOB_SECONDS)
        return Changed(args.unit, systemd.reader.unit(args.unit).active)

    return state.once(f"unit_{verb}", key, work)


def _had_effect(verb: str, seen: UnitSeen, prior: Mapping[str, Any] | None) -> bool:
    """Tell whether the unit stands as the action would leave it; a job that still runs is waited for by a new one."""
    if verb == "start":
        return seen.running and not seen.job
    if verb == "stop":
        return not seen.running and not seen.job
    if prior is None:
        return False
    if verb == "restart":
        return seen.running and not seen.job and seen.invocation != prior["invocation"]
    return seen.changed_us != int(prior["changed_us"]) and not seen.job


def _opposite(verb: str, context: Context, _key: str, args: Unit, result: Changed) -> None:
    if result.changed:
        state: Orchestrators = context.state
        state.systemd(args.unit).do(_METHODS[verb], args.unit, _JOB_SECONDS)


def _preview_kill(context: Context, args: UnitSignal) -> Preview:
    _number(args.signal)
    seen = asking(context).systemd(args.unit).unit(args.unit)
    words = f"send {args.signal} to the {args.whom} process of {args.unit}, which is {seen.active}"
    return Preview(words, "a signal cannot be taken back", {"active": seen.active})


def _kill(context: Context, key: str, args: UnitSignal) -> Changed:
    """Signal the processes of the invocation that was seen; those of another one never did anything."""
    state: Orchestrators = context.state

    def work() -> Changed:
        number, systemd = _number(args.signal), state.systemd(args.unit)
        seen = systemd.reader.unit(args.unit)
        prior = context.prior
        if not seen.running or (prior is not None and seen.invocation != prior["invocation"]):
            return unchanged(args.unit, seen.active)
        systemd.kill(args.unit, args.whom, number)
        return Changed(args.unit, args.signal)

    return state.once("unit_kill", key, work)


def _number(name: str) -> int:
    try:
        return signal.Signals[name]
    except KeyError:
        raise InvalidInput(f"there is no signal {name}") from None


def _propose(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[Unit]:
    for one in asking(context).near("unit", entity):
        yield Unit(one.name)


def _action(verb: str, help: str, helps: frozenset[CauseKind], **more: Any) -> Action:
    return Action(
        name=f"unit_{verb}",
        help=help,
        args=Unit,
        result=Changed,
        permission=PERMISSION,
        risk=Risk.DISRUPTIVE,
        preview=partial(_preview, verb),
        apply=partial(_apply, verb),
        inspect=_inspect,
        target_kind=EntityKind.SERVICE,
        target=lambda args: service_of(args.unit),
        helps=helps,
        timeout_seconds=180,
        **more,
    )


_RESTARTED = frozenset(
    {
        CauseKind.CRASH,
        CauseKind.HANG,
        CauseKind.MEMORY_LEAK,
        CauseKind.DESCRIPTOR_LEAK,
        CauseKind.POOL_EXHAUSTION,
        CauseKind.LOCK_CONTENTION,
    }
)

UNIT_ACTIONS = (
    _action("restart", "Restart a systemd unit and wait until its job has ended.", _RESTARTED, propose=_propose),
    _action(
        "start",
        "Start a systemd unit that does not run.",
        frozenset({CauseKind.CRASH}),
        propose=_propose,
        compensate=partial(_opposite, "stop"),
    ),
    _action("stop", "Stop a systemd unit.", frozenset(), compensate=partial(_opposite, "start")),
    _action(
        "reload",
        "Have a systemd unit read its configuration again.",
        frozenset({CauseKind.EXPIRED_CERTIFICATE}),
        propose=_propose,
    ),
    Action(
        name="unit_kill",
        help="Send a signal to the processes of a systemd unit.",
        args=UnitSignal,
        result=Changed,
        permission=PERMISSION,
        risk=Risk.DISRUPTIVE,
        preview=_preview_kill,
        apply=_kill,
        inspect=_inspect,
        target_kind=EntityKind.SERVICE,
        target=lambda args: service_of(args.unit),
    ),
)
