"""What can be done about an attacker. Each measure ends at its time and can be lifted; none locks an owner out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import InvalidInput
from steersman.services.security.model.measures import (
    Ban,
    Ended,
    EndSessions,
    LockPassword,
    MeasureKind,
    MeasureView,
    SlowDown,
)
from steersman.services.security.model.permissions import WRITE
from steersman.services.security.store.defence import Defence, LookingDefence

_LIFTED = "lift it at once; otherwise it ends by itself"
_ATTACK = frozenset({CauseKind.ATTACK})


def _here(_args: Any) -> Entity:
    return Entity(EntityKind.PLATFORM, "steersman")


def _looking(context: Context) -> LookingDefence:
    state: Defence | LookingDefence = context.state
    return state.looking if isinstance(state, Defence) else state


def _undo(kind: MeasureKind) -> Callable[[Context, str, Any, MeasureView], None]:
    return lambda context, key, _args, _result: context.state.undo(_id(kind, key))


def _id(kind: MeasureKind, key: str) -> str:
    return f"{kind}.{key}"


def _preview_ban(context: Context, args: Ban) -> Preview:
    network = _looking(context).checked(args.network)
    return Preview(f"refuse every request from {network} for {args.minutes} minutes", _LIFTED)


def _ban(context: Context, key: str, args: Ban) -> MeasureView:
    defence: Defence = context.state
    network = defence.looking.checked(args.network)
    return defence.take(_id(MeasureKind.BAN, key), MeasureKind.BAN, network, args.minutes)


def _preview_slow(context: Context, args: SlowDown) -> Preview:
    network = _looking(context).checked(args.network)
    what = f"answer an address of {network} once in {args.every_seconds:g} seconds, for {args.minutes} minutes"
    return Preview(what, _LIFTED)


def _slow(context: Context, key: str, args: SlowDown) -> MeasureView:
    defence: Defence = context.state
    network = defence.looking.checked(args.network)
    return defence.take(_id(MeasureKind.SLOW, key), MeasureKind.SLOW, network, args.minutes, args.every_seconds)


def _preview_lock(_context: Context, args: LockPassword) -> Preview:
    what = f"take no password for the account {args.account} from a place that it never signed in from"
    return Preview(f"{what}, for {args.minutes} minutes; sessions, passkeys and places that are known go on", _LIFTED)


def _lock(context: Context, key: str, args: LockPassword) -> MeasureView:
    defence: Defence = context.state
    return defence.take(_id(MeasureKind.LOCK, key), MeasureKind.LOCK, args.account, args.minutes)


def _preview_end(_context: Context, args: EndSessions) -> Preview:
    return Preview(f"sign the account {args.account} out everywhere", "its owner signs in again")


def _end(context: Context, _key: str, args: EndSessions) -> Ended:
    """Repeating it is harmless: there is nothing left to end."""
    defence: Defence = context.state
    defence.identity.end_sessions(context.caller, args.account, "ended for security")
    return Ended(account=args.account)


def _inspect(context: Context, _args: Any) -> Mapping[str, Any]:
    return {"suspects": len(_looking(context).suspects)}


def _addresses(context: Context, entity: Entity) -> list[str]:
    """Return whose network a measure may reach, where it is the platform that is attacked."""
    looking = _looking(context)
    if entity.kind is not EntityKind.PLATFORM:
        return []
    return sorted({one.address for one in looking.suspects if one.address and _may(looking, one.address)})


def _may(looking: LookingDefence, address: str) -> bool:
    try:
        looking.checked(address)
    except InvalidInput:
        return False
    return True


def _propose_ban(context: Context, entity: Entity, _cause: CauseKind) -> Iterable[Ban]:
    return [Ban(network=one, minutes=60) for one in _addresses(context, entity)]


def _propose_slow(context: Context, entity: Entity, _cause: CauseKind) -> Iterable[SlowDown]:
    return [SlowDown(network=one) for one in _addresses(context, entity)]


def _propose_lock(context: Context, entity: Entity, _cause: CauseKind) -> Iterable[LockPassword]:
    if entity.kind is not EntityKind.PLATFORM:
        return []
    accounts = {one.account for one in _looking(context).suspects if one.kind == "brute_force" and one.account}
    return [LockPassword(account=one) for one in sorted(accounts)]


#: What a session in wrong hands looks like.
_IN_WRONG_HANDS = frozenset({"shared_session", "enumeration"})


def _propose_end(context: Context, entity: Entity, _cause: CauseKind) -> Iterable[EndSessions]:
    if entity.kind is not EntityKind.PLATFORM:
        return []
    accounts = {one.account for one in _looking(context).suspects if one.kind in _IN_WRONG_HANDS and one.account}
    return [EndSessions(account=one) for one in sorted(accounts)]


ACTIONS = (
    Action(
        name="ban",
        help="Refuse every request from an address or a network for a while.",
        args=Ban,
        result=MeasureView,
        permission=WRITE,
        risk=Risk.REVERSIBLE,
        preview=_preview_ban,
        apply=_ban,
        undo=_undo(MeasureKind.BAN),
        inspect=_inspect,
        target_kind=EntityKind.PLATFORM,
        target=_here,
        helps=_ATTACK,
        propose=_propose_ban,
        gain=0.8,
    ),
    Action(
        name="slow_down",
        help="Answer an address or a network no more often than once in so many seconds.",
        args=SlowDown,
        result=MeasureView,
        permission=WRITE,
        risk=Risk.REVERSIBLE,
        preview=_preview_slow,
        apply=_slow,
        undo=_undo(MeasureKind.SLOW),
        inspect=_inspect,
        target_kind=EntityKind.PLATFORM,
        target=_here,
        helps=_ATTACK,
        propose=_propose_slow,
        gain=0.6,
    ),
    Action(
        name="lock_password",
        help="Take no password for an account from a place where it never signed in; its owner still gets in.",
        args=LockPassword,
        result=MeasureView,
        permission=WRITE,
        risk=Risk.REVERSIBLE,
        preview=_preview_lock,
        apply=_lock,
        undo=_undo(MeasureKind.LOCK),
        inspect=_inspect,
        target_kind=EntityKind.PLATFORM,
        target=_here,
        helps=_ATTACK,
        propose=_propose_lock,
        gain=0.7,
    ),
    Action(
        name="end_sessions",
        help="Sign an account out everywhere.",
        args=EndSessions,
        result=Ended,
        permission=WRITE,
        risk=Risk.DISRUPTIVE,
        preview=_preview_end,
        apply=_end,
        inspect=_inspect,
        target_kind=EntityKind.PLATFORM,
        target=_here,
        helps=_ATTACK,
        propose=_propose_end,
        gain=0.9,
    ),
)
