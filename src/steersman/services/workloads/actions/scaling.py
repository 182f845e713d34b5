"""More or fewer replicas of a service, within what its owner allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import InvalidInput
from steersman.services.workloads.actions.once import once, once_back
from steersman.services.workloads.actions.targets import PERMISSION, fleet_of, target_service, view_of, which
from steersman.services.workloads.model.wishes import Scale, Scaled


def _count(ctx: Context, args: Scale) -> Mapping[str, Any]:
    return {"count": view_of(ctx).count(args.service)}


def _check(ctx: Context, args: Scale) -> None:
    most = view_of(ctx).definition(args.service).most_replicas
    if args.replicas > most:
        raise InvalidInput(f"{args.service} may have {most} replicas at most: see its max_replicas")


def _scale(ctx: Context, args: Scale, before: Mapping[str, Any]) -> Scaled:
    """To have so many replicas is the same however often it is asked, so nothing has to be compared."""
    _check(ctx, args)
    fleet_of(ctx).scale(args.service, args.replicas)
    return Scaled(args.service, before["count"], args.replicas)


def _scale_back(ctx: Context, args: Scale, result: Scaled, before: Mapping[str, Any]) -> None:
    fleet_of(ctx).scale(args.service, result.before)


def _preview(ctx: Context, args: Scale) -> Preview:
    _check(ctx, args)
    count = view_of(ctx).count(args.service)
    return Preview(
        f"run {args.replicas} replicas of {args.service} instead of {count}",
        f"run {count} again",
        {"replicas": {"from": count, "to": args.replicas}},
    )


def _propose(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[Scale]:
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is not None and 0 < view.count(wish.service) < view.definition(wish.service).most_replicas:
        yield Scale(wish.service, view.count(wish.service) + 1)


SCALE = Action(
    name="scale",
    help="Run more or fewer replicas of a service.",
    args=Scale,
    result=Scaled,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview,
    inspect=_count,
    apply=once("scale", Scaled, _count, _scale),
    undo=once_back("scale", _count, _scale_back),
    target_kind=EntityKind.SERVICE,
    target=target_service,
    helps=frozenset({CauseKind.BACKLOG, CauseKind.CPU_SATURATION, CauseKind.TRAFFIC_SURGE}),
    propose=_propose,
    gain=0.5,
    timeout_seconds=90.0,
)
