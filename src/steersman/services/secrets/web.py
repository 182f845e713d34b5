"""Secrets over HTTP: written, listed and removed by name. Reading one back asks for a permission of its own."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Route
from steersman.services.secrets.logic.references import checked_name
from steersman.services.secrets.model.permissions import DESTROY, KEYS, NAMES, REVEAL, WRITE
from steersman.services.secrets.model.wire import NewValue, RingView, SecretValue, SecretView
from steersman.services.secrets.store.safe import Safe


def _safe(context: Context) -> Safe:
    safe: Safe = context.state
    return safe


def names(context: Context) -> list[SecretView]:
    return _safe(context).names(context.caller)


def put(context: Context, name: str, body: NewValue) -> SecretView:
    return _safe(context).put(context.caller, name, body)


def remove(context: Context, name: str) -> SecretView:
    return _safe(context).remove(context.caller, checked_name(name))


def value(context: Context, name: str) -> SecretValue:
    return SecretValue(name=name, value=_safe(context).shown(context.caller, checked_name(name)))


def keys(context: Context) -> RingView:
    return _safe(context).view()


def destroy(context: Context, id: str) -> RingView:
    return _safe(context).destroy(context.caller, id)


_VALUE = "/api/secrets/values/{name}"
ROUTES = (
    Route(
        method="GET",
        path="/api/secrets",
        handler=names,
        permission=NAMES,
        summary="The names of the secrets, with what they are for.",
    ),
    Route(
        method="PUT",
        path=_VALUE,
        handler=put,
        permission=WRITE,
        summary="Keep a value under a name.",
        errors=(400, 409),
    ),
    Route(
        method="DELETE",
        path=_VALUE,
        handler=remove,
        permission=WRITE,
        summary="Forget a secret.",
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path=_VALUE,
        handler=value,
        permission=REVEAL,
        summary="Read a value back; the journal says who did.",
        errors=(400, 404),
        requires=(TwoPeople(),),
    ),
    Route(
        method="GET",
        path="/api/secrets/keys",
        handler=keys,
        permission=KEYS,
        summary="The keys of the ring, what is sealed with them, and what is left to be renewed.",
    ),
    Route(
        method="DELETE",
        path="/api/secrets/keys/{id}",
        handler=destroy,
        permission=DESTROY,
        summary="Forget a retired key for good, after a scan.",
        errors=(400, 404),
        requires=(TwoPeople(),),
    ),
)
