"""How everything is doing: the loop, the health score, what is unusual, how signals stand, what there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import orjson
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.incidents import IncidentState
from steersman.model.plans import PlanState
from steersman.services.operations.logic.health import health_score
from steersman.services.operations.logic.lines import finite
from steersman.services.operations.logic.will import autonomy_name
from steersman.services.operations.model import overview, wire
from steersman.services.operations.store import reading
from steersman.services.operations.web.answers import JSON, kept_answer, now_ms, parsed

if TYPE_CHECKING:
    from sqlalchemy import Connection

READ = "operations.status.read"
_GET = frozenset({"GET"})


def loop_view(ctx: Context) -> overview.LoopView:
    """Return how the loop is doing right now."""
    status = ctx.state.bulletin.status
    age = None if status.last_round_ms is None else max(0.0, (now_ms(ctx) - status.last_round_ms) / 1000)
    return overview.LoopView(
        started_ms=status.started_ms,
        rounds=status.rounds,
        last_round_ms=status.last_round_ms,
        age_seconds=age,
        round_seconds=status.round_seconds,
        series=status.series,
        blind=status.blind,
        trouble=status.trouble,
    )


def the_standing(ctx: Context, connection: Connection) -> overview.Standing:
    """Return the state of affairs."""
    counts = reading.counts(connection, ctx.caller.tenant)
    policy = ctx.state.bulletin.policy()
    resolved = counts["incidents"].get(IncidentState.RESOLVED.value, 0)
    return overview.Standing(
        health=the_health(ctx, connection).score,
        incidents=counts["incidents"],
        open_incidents=sum(counts["incidents"].values()) - resolved,
        plans=counts["plans"],
        awaiting_approval=counts["plans"].get(PlanState.AWAITING_APPROVAL.value, 0),
        active_findings=counts["findings"]["active"],
        autonomy=autonomy_name(policy.default),
        frozen=policy.frozen,
        killed=policy.killed,
    )


def the_health(ctx: Context, connection: Connection) -> overview.HealthScore:
    """Return the score of everything that is known."""
    found = reading.active_findings(connection, ctx.caller.tenant)
    return health_score(found, ctx.state.bulletin.topology.entities)


async def status(ctx: Context, _request: Request) -> Response:
    """Answer from memory: what is stored as of the last recording, and the loop as it is now."""
    key = (ctx.caller.tenant, "status")
    kept = await ctx.state.answers.give(ctx.ports.database, key, lambda connection: the_standing(ctx, connection))
    loop = orjson.dumps(loop_view(ctx).model_dump())
    return Response(b'{"loop":' + loop + b"," + kept[1:], media_type=JSON)


async def health(ctx: Context, request: Request) -> Response:
    return await kept_answer(ctx, request, lambda connection: the_health(ctx, connection))


async def anomalies(ctx: Context, request: Request) -> Response:
    query = parsed(wire.FindingQuery, request)
    return await kept_answer(ctx, request, lambda c: reading.finding_page(c, ctx.caller.tenant, query))


async def levels(ctx: Context, request: Request) -> Response:
    query = parsed(overview.LevelQuery, request)

    def look() -> bytes:
        found = [
            trend
            for trend in ctx.state.bulletin.levels()
            if query.entity in (None, trend.entity.ref) and query.aspect in (None, trend.aspect)
        ]
        shown = [
            overview.Level(
                entity=trend.entity.ref,
                aspect=trend.aspect,
                signal=trend.signal,
                before=finite(trend.before),
                now=finite(trend.now),
                slope=finite(trend.slope),
                usual=finite(trend.usual),
                limit=finite(trend.limit),
            )
            for trend in found[: query.limit]
        ]
        return overview.Levels(levels=shown, total=len(found)).model_dump_json().encode()

    return Response(await asyncio.to_thread(look), media_type=JSON)


def diagnoses(
    ctx: Context,
    incident: Annotated[
        str | None, Query(max_length=100, description="One incident; without it all open ones.")
    ] = None,
) -> list[wire.Diagnosis]:
    with ctx.ports.database.reading() as connection:
        return reading.diagnoses(connection, ctx.caller.tenant, incident)


def topology(ctx: Context) -> overview.TopologyView:
    known = ctx.state.bulletin.topology
    with ctx.ports.database.reading() as connection:
        scores = {one.entity: one.score for one in the_health(ctx, connection).entities}
    return overview.TopologyView(
        entities=[
            overview.EntityView(entity=ref, labels=dict(entity.labels), score=scores.get(ref, 100))
            for ref, entity in sorted(known.entities.items())
        ],
        edges=[
            overview.EdgeView(
                kind=edge.kind,
                source=edge.source.ref,
                target=edge.target.ref,
                seen_ms=edge.seen_ms,
                declared=edge.declared,
            )
            for edge in known.edges.values()
        ],
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/ops/diagnoses",
        handler=diagnoses,
        permission=READ,
        summary="What may be behind incidents, most likely first, with evidence that a person can check.",
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path="/api/ops/topology",
        handler=topology,
        permission=READ,
        summary="What is watched, and what needs what.",
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=_GET,
        path="/api/ops/status",
        handler=status,
        permission=READ,
        summary="How the loop turns, how many incidents are open, what waits for a person, and what may be done.",
        answer=overview.Status,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/health",
        handler=health,
        permission=READ,
        summary="A health score from 0 to 100 for everything and for each entity, explained point by point.",
        answer=overview.HealthScore,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/anomalies",
        handler=anomalies,
        permission=READ,
        summary="Findings, newest first, by entity, aspect, severity and whether they are still so.",
        answer=wire.FindingPage,
        query=wire.FindingQuery,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/metrics",
        handler=levels,
        permission=READ,
        summary="How the signals of each entity stand, as the senses see them.",
        answer=overview.Levels,
        query=overview.LevelQuery,
    ),
)
