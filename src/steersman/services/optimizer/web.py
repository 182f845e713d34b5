"""Recommendations and experiments over HTTP. The lists are bytes that the last change left."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.errors import Conflict
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.optimizer.model import wire
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.store.board import OptimizerState, answer, begin
from steersman.services.optimizer.store.turning import scale

READ = "optimizer.recommendations.read"
ANSWER = "optimizer.recommendations.answer"
RUN = "optimizer.experiments.run"
_GET = frozenset({"GET"})
_NO_RECOMMENDATIONS = wire.Recommendations(recommendations=[]).model_dump_json().encode()


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def recommendations(ctx: Context, _request: Request) -> Response:
    """Knobs and telemetry are the default tenant's, so only it is told what to do about them."""
    state: OptimizerState = ctx.state
    is_default = ctx.caller.tenant == DEFAULT_TENANT
    return _json(state.shown.recommendations if is_default else _NO_RECOMMENDATIONS)


def apply(ctx: Context, id: str) -> wire.Applied:
    """Do what a recommendation says: start its experiment, or scale. What nothing here can do is refused."""
    with ctx.ports.database.reading() as connection:
        one = tables.the_recommendation(connection, ctx.caller.tenant, id)
    if one.state != wire.RecommendationState.OPEN:
        raise Conflict(f"the recommendation {id} is {one.state} already")
    experiment, result = None, ""
    if one.kind == "try_knob":
        wish = wire.ExperimentWish(service=one.service, knob=one.subject, direction=one.direction)
        experiment = begin(ctx, wish).id
    elif one.kind == "fewer_replicas" and one.target is not None:
        result = scale(ctx, one.service, round(one.target), f"{one.id}-{one.updated_ms}")
    else:
        raise Conflict(f"{one.title}: nothing that is installed can do that, a person has to")
    said = answer(ctx, id, wire.RecommendationState.APPLIED)
    return wire.Applied(recommendation=said, experiment=experiment, result=result)


def dismiss(ctx: Context, id: str) -> wire.Recommendation:
    """Take a recommendation off the list for thirty days."""
    return answer(ctx, id, wire.RecommendationState.DISMISSED)


def start(ctx: Context, wish: wire.ExperimentWish) -> wire.Experiment:
    """Start an experiment; it runs in the background, and its id tells how it goes."""
    return begin(ctx, wish)


def experiments(ctx: Context) -> wire.Experiments:
    """Return the latest experiments, newest first."""
    with ctx.ports.database.reading() as connection:
        return wire.Experiments(experiments=tables.list_experiments(connection, ctx.caller.tenant))


def one(ctx: Context, id: str) -> wire.Experiment:
    """Return one experiment with every period that was measured."""
    with ctx.ports.database.reading() as connection:
        return tables.the_experiment(connection, ctx.caller.tenant, id)


PERMISSIONS = {
    READ: "See recommendations and experiments.",
    ANSWER: "Apply and dismiss recommendations.",
    RUN: "Start experiments; each knob asks for its own permission besides.",
}
ROUTES = (
    Route(
        method="POST",
        path="/api/ops/recommendations/{id}/apply",
        handler=apply,
        permission=ANSWER,
        summary="Do what a recommendation says.",
        errors=(400, 404, 409, 429, 503),
    ),
    Route(
        method="POST",
        path="/api/ops/recommendations/{id}/dismiss",
        handler=dismiss,
        permission=ANSWER,
        summary="Take a recommendation off the list.",
        errors=(404, 409),
    ),
    Route(
        method="GET",
        path="/api/ops/experiments",
        handler=experiments,
        permission=READ,
        summary="The latest experiments.",
    ),
    Route(
        method="POST",
        path="/api/ops/experiments",
        handler=start,
        permission=RUN,
        summary="Try one step of a knob against control periods, and keep it only if its guard gains.",
        status=202,
        errors=(400, 404, 409, 503),
    ),
    Route(
        method="GET",
        path="/api/ops/experiments/{id}",
        handler=one,
        permission=READ,
        summary="One experiment.",
        errors=(404,),
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=_GET,
        path="/api/ops/recommendations",
        handler=recommendations,
        permission=READ,
        summary="What could be better, why, what it would gain, cost and risk.",
        answer=wire.Recommendations,
    ),
)
