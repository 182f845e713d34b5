"""Turning any knob that a service declares, as an action: previewed, journalled with its intent, and turned back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steersman.contract.ports import Context
from steersman.contract.service import Action, Knob, Preview, Risk, Service
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import InvalidInput, NotFound
from steersman.runtime.house import House, LookingHouse
from steersman.runtime.knobs import Knobs


@dataclass(frozen=True)
class KnobTurn:
    """Which knob of which service is to stand where."""

    service: str
    knob: str
    value: float


@dataclass(frozen=True)
class KnobTurned:
    """Where a knob stood and where it stands."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Found:
    context: Context
    service: Service
    knob: Knob


def _find(context: Context, args: KnobTurn) -> _Found:
    """Find the knob and the context of its own service; in a dry run that is one that only looks."""
    house: House | LookingHouse = context.ports.get(House)
    service = house.find(args.service)
    for knob in service.knobs:
        if knob.name == args.knob:
            return _Found(house.context(service, context.caller), service, knob)
    raise NotFound(f"the service {args.service} has no knob {args.knob!r}")


def _inspect(context: Context, args: KnobTurn) -> dict[str, float]:
    found = _find(context, args)
    return {"value": found.knob.read(found.context)}


def _preview(context: Context, args: KnobTurn) -> Preview:
    found = _find(context, args)
    found.context.caller.demand(found.knob.permission)
    stands = found.knob.read(found.context)
    name = f"{args.service}.{args.knob}"
    return Preview(
        f"turn {name} from {stands:g} to {args.value:g}",
        f"turn it back to {stands:g}",
        {"knob": name, "from": stands, "to": args.value, "guard": found.knob.guard},
    )


def _apply(context: Context, _key: str, args: KnobTurn) -> KnobTurned:
    if not math.isfinite(args.value):
        raise InvalidInput("a knob stands at a finite number")
    found = _find(context, args)
    stands = found.knob.read(found.context)
    before = stands if context.prior is None else float(context.prior["value"])
    if stands == args.value:
        return KnobTurned(before, stands)
    turned = context.ports.get(Knobs).turn(found.context, found.service, found.knob, args.value)
    return KnobTurned(before, turned.value)


def _undo(context: Context, _key: str, args: KnobTurn, result: KnobTurned) -> None:
    found = _find(context, args)
    if found.knob.read(found.context) != result.before:
        context.ports.get(Knobs).turn_back(found.context, found.service, found.knob, result.before)


SET_KNOB = Action(
    name="set_knob",
    help="Turn a knob that a service declares, inside its bounds.",
    args=KnobTurn,
    result=KnobTurned,
    permission="operations.knobs.write",
    risk=Risk.REVERSIBLE,
    preview=_preview,
    inspect=_inspect,
    apply=_apply,
    undo=_undo,
    target_kind=EntityKind.PLATFORM,
    target=lambda _args: Entity(EntityKind.PLATFORM, "steersman"),
)

ACTIONS = (SET_KNOB,)
