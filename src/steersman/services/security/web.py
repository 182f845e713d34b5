"""The defence over HTTP and on its page: who is suspected, what holds, what the lists say. Actions take measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Page, Route
from steersman.services.security.model.measures import AttacksView, ListView, MeasureView, SuspicionView
from steersman.services.security.model.permissions import READ, WRITE
from steersman.services.security.store.defence import Defence


def _defence(context: Context) -> Defence:
    defence: Defence = context.state
    return defence


def attempts(context: Context) -> list[SuspicionView]:
    return [
        SuspicionView(
            key=one.key,
            kind=one.kind,
            address=one.address,
            account=one.account,
            reason=one.reason,
            since_ms=int(one.since * 1000),
        )
        for one in _defence(context).suspects
    ]


def attacks(context: Context) -> AttacksView:
    return _defence(context).attacks()


def measures(context: Context) -> list[MeasureView]:
    return _defence(context).holding()


def lift(context: Context, id: str) -> MeasureView:
    return _defence(context).lift(context.caller, id)


def lists(context: Context) -> list[ListView]:
    return _defence(context).lists.views()


def view(context: Context) -> Mapping[str, Any]:
    """Give the page its tables."""
    return {
        "suspicions": attempts(context),
        "measures": measures(context),
        "lists": lists(context),
        "attacks": attacks(context),
        "now_ms": _defence(context).now_ms(),
    }


ROUTES = (
    Route(
        method="GET",
        path="/api/security/attempts",
        handler=attempts,
        permission=READ,
        summary="Who behaves like an attacker now, and why it looks so.",
    ),
    Route(
        method="GET",
        path="/api/security/threats",
        handler=attacks,
        permission=READ,
        summary="Attacks that requests held since the start, by kind, and how many requests were kept out.",
    ),
    Route(
        method="GET",
        path="/api/security/bans",
        handler=measures,
        permission=READ,
        summary="The measures that hold now: who is refused, slowed down or locked, and until when.",
    ),
    Route(
        method="DELETE",
        path="/api/security/bans/{id}",
        handler=lift,
        permission=WRITE,
        summary="Lift a measure before its time.",
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/api/security/reputation",
        handler=lists,
        permission=READ,
        summary="The lists of addresses: how many networks each refuses, and which of its lines are wrong.",
    ),
)
PAGES = (
    Page(
        path="/security",
        title="Security",
        title_zh="安全",
        template="security.html",
        view=view,
        permission=READ,
    ),
)
