"""API keys of accounts."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.service import Route
from steersman.services.identity import model
from steersman.services.identity.web.acting import ERRORS, KEYS_READ, KEYS_WRITE, Elsewhere, administration


def keys(ctx: Context, name: str, elsewhere: Elsewhere = "") -> list[model.Key]:
    found = administration(ctx, elsewhere).keys_of(name)
    return [
        model.Key(
            id=one.id,
            label=one.label,
            scopes=list(one.scopes),
            created_ms=one.created_ms,
            expires_ms=one.expires_ms,
            revoked_ms=one.revoked_ms,
        )
        for one in found
    ]


def make_key(ctx: Context, name: str, body: model.NewKey, elsewhere: Elsewhere = "") -> model.Key:
    made, key = administration(ctx, elsewhere).make_key(name, body.label, body.scopes, body.days)
    shown = next(one for one in keys(ctx, name, elsewhere) if one.id == made)
    return shown.model_copy(update={"key": key})


def revoke_key(ctx: Context, id: str, elsewhere: Elsewhere = "") -> dict[str, str]:
    administration(ctx, elsewhere).revoke_key(id)
    return {"revoked": id}


_KEYS = "/api/identity/users/{name}/keys"

ROUTES = (
    Route(
        method="GET",
        path=_KEYS,
        handler=keys,
        permission=KEYS_READ,
        summary="The API keys of an account.",
        errors=ERRORS,
    ),
    Route(
        method="POST",
        path=_KEYS,
        handler=make_key,
        permission=KEYS_WRITE,
        summary="Make an API key; the answer is the only place where it stands.",
        status=201,
        errors=ERRORS,
    ),
    Route(
        method="DELETE",
        path="/api/identity/keys/{id}",
        handler=revoke_key,
        permission=KEYS_WRITE,
        summary="Revoke an API key.",
        errors=ERRORS,
    ),
)
