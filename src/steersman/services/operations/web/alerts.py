"""Alertmanager's API v2, so that a real Prometheus can alert straight into the loop.

An alert is acknowledged when it is on disk. There are no silences here: a policy, a freeze or a maintenance window says
what is left alone, and an alert is an observation that costs nobody sleep.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from steersman import __version__
from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.engine.series.matching import fulfils
from steersman.model.errors import InvalidInput
from steersman.model.labels import Matcher, MatchOp
from steersman.runtime.http.problems import field_errors
from steersman.services.operations.logic.alerts import Alert
from steersman.services.operations.logic.matchers import matchers
from steersman.services.operations.model import alertmanager as wire
from steersman.services.operations.store.alerts import alerts_now
from steersman.services.operations.web.answers import JSON, now_ms, parsed

READ = "operations.alerts.read"
WRITE = "operations.alerts.write"

#: What Alertmanager calls `resolve_timeout`: an alert without an end is over when nobody repeats it for so long.
RESOLVE_MS = 300_000
#: The end of the year 9999: a sender's zone may push a time beyond what can be written.
_LAST_MS = 253_402_300_799_000


@cache
def _posted() -> TypeAdapter[list[wire.PostableAlert]]:
    return TypeAdapter(list[wire.PostableAlert])


@cache
def _listed() -> TypeAdapter[list[wire.GettableAlert]]:
    return TypeAdapter(list[wire.GettableAlert])


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else min(max(round(moment.timestamp() * 1000), 0), _LAST_MS)


def _alert(posted: wire.PostableAlert, received_ms: int) -> Alert:
    """Read one alert as Alertmanager does: empty labels are none, and what is not said is now, or in a while."""
    labels = {name: value for name, value in posted.labels.items() if value}
    starts, ends = _milliseconds(posted.starts_at), _milliseconds(posted.ends_at)
    if not labels:
        raise InvalidInput("an alert needs at least one label that is not empty")
    if starts is None:
        starts = received_ms if ends is None else min(received_ms, ends)
    if ends is not None and ends < starts:
        raise InvalidInput("an alert ends before it starts")
    return Alert(
        labels=labels,
        annotations=dict(posted.annotations),
        starts_ms=starts,
        ends_ms=received_ms + RESOLVE_MS if ends is None else ends,
        updated_ms=received_ms,
        generator=posted.generator_url,
    )


async def post(ctx: Context, request: Request) -> Response:
    """Take alerts in. As with Alertmanager, what is right in a list is kept also when the rest is refused."""
    try:
        posted = _posted().validate_json(await request.body())
    except ValidationError as error:
        raise InvalidInput("; ".join(field_errors(error.errors())[:10])) from error
    received_ms, alerts, refused = now_ms(ctx), [], []
    for number, one in enumerate(posted):
        try:
            alerts.append(_alert(one, received_ms))
        except InvalidInput as error:
            refused.append(f"{number}: {error.message}")
    if alerts:
        await ctx.state.alerts.take(ctx.caller.tenant, alerts)
    if refused:
        raise InvalidInput("; ".join(refused[:10]))
    return Response(status_code=200)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _shown(alert: Alert, *, decided: bool) -> wire.GettableAlert:
    return wire.GettableAlert(
        annotations=dict(alert.annotations),
        ends_at=_moment(alert.ends_ms or 0),
        fingerprint=alert.fingerprint,
        starts_at=_moment(alert.starts_ms),
        status=wire.AlertStatus(state="active" if decided else "unprocessed"),
        updated_at=_moment(alert.updated_ms),
        generator_url=alert.generator,
        labels=dict(alert.labels),
    )


async def listed(ctx: Context, request: Request) -> Response:
    """Return the alerts that go on and fit the filter."""
    query = parsed(wire.AlertQuery, request, lists=("filter",))
    wanted, receiver = matchers(query.filter), Matcher("receiver", MatchOp.REGEX, query.receiver or ".*")

    def look() -> bytes:
        with ctx.ports.database.reading() as connection:
            found = alerts_now(connection, ctx.caller.tenant, now_ms(ctx))
        shown = [
            _shown(alert, decided=decided)
            for alert, decided in found
            if (query.active if decided else query.unprocessed)
            and fulfils(alert.labels, wanted)
            and fulfils({"receiver": wire.RECEIVER}, [receiver])
        ]
        return _listed().dump_json(shown, by_alias=True)

    return Response(await asyncio.to_thread(look), media_type=JSON)


def status(ctx: Context) -> wire.AlertmanagerStatus:
    """Say what a client asks before it trusts the address."""
    return wire.AlertmanagerStatus(
        version_info=wire.VersionInfo(version=__version__), uptime=_moment(ctx.state.bulletin.status.started_ms)
    )


def receivers() -> list[wire.Receiver]:
    """Name the one receiver."""
    return [wire.Receiver()]


def silences() -> list[wire.Silence]:
    """There are none."""
    return []


RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"POST"}),
        path="/api/v2/alerts",
        handler=post,
        permission=WRITE,
        summary="Take in alerts as Alertmanager does; the answer comes when they are on disk.",
    ),
    RawRoute(
        methods=frozenset({"GET"}),
        path="/api/v2/alerts",
        handler=listed,
        permission=READ,
        summary="The alerts that go on; unprocessed until the loop has decided about them.",
        answer=list[wire.GettableAlert],
        query=wire.AlertQuery,
    ),
)
ROUTES = (
    Route(
        method="GET",
        path="/api/v2/status",
        handler=status,
        permission=READ,
        summary="Which program answers in Alertmanager's place.",
    ),
    Route(
        method="GET",
        path="/api/v2/receivers",
        handler=receivers,
        permission=READ,
        summary="Who is told of alerts: the loop.",
    ),
    Route(
        method="GET",
        path="/api/v2/silences",
        handler=silences,
        permission=READ,
        summary="Always empty: policies, freezes and maintenance windows say what is left alone.",
    ),
)
