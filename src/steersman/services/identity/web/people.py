"""Accounts under /api/identity/users: who there is, what they hold, and their sign-ins."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from steersman.contract.ports import Context
from steersman.contract.service import Route
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.listing import Listed, Wanted, Which
from steersman.services.identity import model
from steersman.services.identity.web.acting import ERRORS, USERS_READ, USERS_WRITE, Elsewhere, administration

INVITATION = "/auth/invitation?token="
_Text = Annotated[str, Query(alias="q", max_length=100, description="Part of a name or an address.")]
_Which = Annotated[Which, Query(alias="kind", description="Which accounts are meant.")]
_After = Annotated[str, Query(max_length=256, description="Go on after this name.")]
_Limit = Annotated[int, Query(ge=1, le=1000)]


def users(
    ctx: Context,
    text: _Text = "",
    which: _Which = Which.ALL,
    after: _After = "",
    limit: _Limit = 1000,
    elsewhere: Elsewhere = "",
) -> list[model.User]:
    found, _ = administration(ctx, elsewhere).page(Wanted(text, which, after, limit))
    return [view_user(one) for one in found]


def add_user(ctx: Context, body: model.NewUser, elsewhere: Elsewhere = "") -> model.User:
    acting, invitation = administration(ctx, elsewhere), None
    if body.invite:
        account, token = acting.add_invited(body.name, body.email, body.roles)
        invitation = INVITATION + token
    else:
        password = None if body.password is None else body.password.get_secret_value()
        account = acting.add(body.name, body.email, Kind(body.kind), password, body.roles)
    return view_user(acting.one(account.name)).model_copy(update={"invitation": invitation})


def user(ctx: Context, name: str, elsewhere: Elsewhere = "") -> model.User:
    return view_user(administration(ctx, elsewhere).one(name))


def change_user(ctx: Context, name: str, body: model.UserChange, elsewhere: Elsewhere = "") -> model.User:
    acting = administration(ctx, elsewhere)
    if body.second_factor is False:
        acting.drop_factor(name)
    account = acting.change(name, disabled=body.disabled, email=body.email, roles=body.roles)
    return view_user(acting.one(account.name))


def set_password(ctx: Context, name: str, body: model.NewPassword, elsewhere: Elsewhere = "") -> model.User:
    administration(ctx, elsewhere).set_password(name, body.password.get_secret_value())
    return user(ctx, name, elsewhere)


def invite_user(ctx: Context, name: str, elsewhere: Elsewhere = "") -> model.Invitation:
    return model.Invitation(invitation=INVITATION + administration(ctx, elsewhere).invite(name))


def user_sessions(ctx: Context, name: str, elsewhere: Elsewhere = "") -> list[model.Session]:
    return [model.Session.model_validate(row) for row in administration(ctx, elsewhere).sessions_of(name)]


def end_user_sessions(ctx: Context, name: str, elsewhere: Elsewhere = "") -> model.Ended:
    return model.Ended(ended=administration(ctx, elsewhere).end_sessions_of(name))


def end_user_session(ctx: Context, name: str, id: str, elsewhere: Elsewhere = "") -> model.Ended:
    return model.Ended(ended=administration(ctx, elsewhere).end_sessions_of(name, only=id))


def view_user(one: Listed) -> model.User:
    account = one.account
    return model.User(
        id=account.id,
        name=account.name,
        email=account.email,
        kind=account.kind.value,
        disabled=account.disabled,
        roles=list(account.roles),
        groups=list(one.groups),
        second_factor=account.second_factor,
        passkeys=one.passkeys,
        asks_passkey=one.asks_passkey,
        has_password=one.has_password,
        sessions=one.sessions,
        keys=one.keys,
        signed_in_ms=one.signed_in_ms,
        created_ms=account.created_ms,
    )


_USERS = "/api/identity/users"
_ONE = f"{_USERS}/{{name}}"

ROUTES = (
    Route(
        method="GET",
        path=_USERS,
        handler=users,
        permission=USERS_READ,
        summary="Accounts by name, a thousand at most; `after` goes on.",
        errors=(400, 404),
    ),
    Route(
        method="POST",
        path=_USERS,
        handler=add_user,
        permission=USERS_WRITE,
        summary="Add a person or a service account.",
        status=201,
        errors=ERRORS,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=user,
        permission=USERS_READ,
        summary="One account.",
        errors=ERRORS,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        handler=change_user,
        permission=USERS_WRITE,
        summary="Change an account: its roles, its address, whether it is disabled.",
        errors=ERRORS,
    ),
    Route(
        method="PUT",
        path=f"{_ONE}/password",
        handler=set_password,
        permission=USERS_WRITE,
        summary="Set somebody's password anew; all their sessions end.",
        errors=ERRORS,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/invitation",
        handler=invite_user,
        permission=USERS_WRITE,
        summary="Make a link with which somebody chooses their password, once, within a day.",
        errors=ERRORS,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/sessions",
        handler=user_sessions,
        permission=USERS_READ,
        summary="The sessions of somebody within reach.",
        errors=ERRORS,
    ),
    Route(
        method="DELETE",
        path=f"{_ONE}/sessions",
        handler=end_user_sessions,
        permission=USERS_WRITE,
        summary="End every session of somebody within reach.",
        errors=ERRORS,
    ),
    Route(
        method="DELETE",
        path=f"{_ONE}/sessions/{{id}}",
        handler=end_user_session,
        permission=USERS_WRITE,
        summary="End one session of somebody within reach.",
        errors=ERRORS,
    ),
)
