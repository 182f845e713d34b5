"""An effect that happens once under its key: what was before it is kept, and compared with when it is repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from steersman.contract.ports import Context
from steersman.services.workloads.actions.targets import fleet_of

_Look = Callable[[Context, Any], Mapping[str, Any]]
_Do = Callable[[Context, Any, Mapping[str, Any]], Any]


def once(name: str, kind: type, look: _Look, do: _Do) -> Callable[[Context, str, Any], Any]:
    """Return an `apply`: `do(ctx, args, before)` unless the key has its result already.

    `before` is what `look` saw before the effect: the journal's, or else what the first try under this key noted.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def apply(ctx: Context, key: str, args: Any) -> Any:
        fleet = fleet_of(ctx)
        if known := fleet.done(f"{name}:{key}"):
            return adapter.validate_python(known)
        result = do(ctx, args, ctx.prior or _noted(ctx, f"{name}:{key}:before", look, args))
        fleet.note(f"{name}:{key}", adapter.dump_python(result, mode="json"))
        return result

    return apply


def once_back(name: str, look: _Look, do: Callable[[Context, Any, Any, Mapping[str, Any]], None]) -> Any:
    """Return an `undo`: `do(ctx, args, result, before)` with what the first try to undo saw."""

    def undo(ctx: Context, key: str, args: Any, result: Any) -> None:
        fleet = fleet_of(ctx)
        if fleet.done(f"{name}:{key}:undone"):
            return
        do(ctx, args, result, _noted(replace(ctx, prior=None), f"{name}:{key}:undoing", look, args))
        fleet.note(f"{name}:{key}:undone", {"undone": True})

    return undo


def _noted(ctx: Context, key: str, look: _Look, args: Any) -> Mapping[str, Any]:
    fleet = fleet_of(ctx)
    known = fleet.done(key)
    if known is None:
        known = look(ctx, args)
        fleet.note(key, known)
    return known
