"""Rotation as an action: on the one road, with a preview, an intent in the journal and a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import Entity, EntityKind
from steersman.services.secrets.model.permissions import ROTATE
from steersman.services.secrets.model.wire import Rotate, Rotated
from steersman.services.secrets.store.safe import LookingSafe, Safe


def _looking(context: Context) -> LookingSafe:
    state: Safe | LookingSafe = context.state
    return state.looking if isinstance(state, Safe) else state


def _preview(context: Context, _args: Rotate) -> Preview:
    active = _looking(context).active
    undo = "there is no way back, and no need of one: the old key opens what it sealed until that is renewed"
    return Preview("make a new key, and renew in the background whatever older keys sealed", undo, {"before": active})


def _inspect(context: Context, _args: Rotate) -> Mapping[str, Any]:
    return {"active": _looking(context).active}


def _apply(context: Context, _key: str, _args: Rotate) -> Rotated:
    safe: Safe = context.state
    return safe.rotate(context.caller, str((context.prior or {})["active"]))


ACTIONS = (
    Action(
        name="rotate",
        help="Make a new key of the ring, and renew whatever older keys sealed while everything goes on.",
        args=Rotate,
        result=Rotated,
        permission=ROTATE,
        risk=Risk.DISRUPTIVE,
        preview=_preview,
        apply=_apply,
        inspect=_inspect,
        target_kind=EntityKind.PLATFORM,
        target=lambda _args: Entity(EntityKind.PLATFORM, "steersman"),
    ),
)
