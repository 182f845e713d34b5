"""The administration of identity under /api/identity."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from steersman.contract.aliases import alias_table
from steersman.contract.ports import Context
from steersman.contract.service import Permission, Route
from steersman.model.errors import NotFound
from steersman.runtime.house import House
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.roles import ROLES_WRITE, granted
from steersman.services.identity import model
from steersman.services.identity.store import Administration

USERS_READ: Permission = "identity.users.read"
USERS_WRITE: Permission = "identity.users.write"
KEYS_READ: Permission = "identity.keys.read"
KEYS_WRITE: Permission = "identity.keys.write"

#: Another tenant than one's own, for whoever may cross; everybody else may leave it out.
Elsewhere = Annotated[str, Query(alias="tenant", max_length=40, description="For who may act in other tenants.")]


def administration(ctx: Context, elsewhere: str = "") -> Administration:
    """Return what acts for this caller, in their tenant or in the one that they named."""
    services = ctx.ports.get(House).services
    declared = frozenset(permission for service in services for permission in service.permissions)
    return Administration(ctx.ports.get(Identity), declared, ctx.caller, alias_table(services), elsewhere)


def users(ctx: Context, elsewhere: Elsewhere = "") -> list[model.User]:
    tenant = administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        return [_user(account) for account in accounts.list_accounts(connection, tenant)]


def add_user(ctx: Context, body: model.NewUser, elsewhere: Elsewhere = "") -> model.User:
    password = None if body.password is None else body.password.get_secret_value()
    return _user(administration(ctx, elsewhere).add(body.name, body.email, Kind(body.kind), password, body.roles))


def user(ctx: Context, name: str, elsewhere: Elsewhere = "") -> model.User:
    tenant = administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        return _user(accounts.the_account(connection, tenant, name))


def change_user(ctx: Context, name: str, body: model.UserChange, elsewhere: Elsewhere = "") -> model.User:
    if body.second_factor is False:
        administration(ctx, elsewhere).drop_factor(name)
    return _user(
        administration(ctx, elsewhere).change(name, disabled=body.disabled, email=body.email, roles=body.roles)
    )


def set_password(ctx: Context, name: str, body: model.NewPassword, elsewhere: Elsewhere = "") -> model.User:
    administration(ctx, elsewhere).set_password(name, body.password.get_secret_value())
    return user(ctx, name, elsewhere)


def roles(ctx: Context, elsewhere: Elsewhere = "") -> list[model.Role]:
    identity, tenant = ctx.ports.get(Identity), administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        custom, texts = accounts.custom_roles(connection, tenant), accounts.role_texts(connection, tenant)
    shown = {name: identity.standing.within(granted([name], identity.standing, custom), tenant) for name in custom}
    stands = {name: identity.standing.within(found, tenant) for name, found in identity.standing.items()}
    return [
        *(model.Role(name=n, standing=True, help="", permissions=sorted(p)) for n, p in stands.items()),
        *(model.Role(name=n, standing=False, help=texts[n], permissions=sorted(p)) for n, p in sorted(shown.items())),
    ]


def save_role(ctx: Context, name: model.RoleName, body: model.RoleBody, elsewhere: Elsewhere = "") -> model.Role:
    administration(ctx, elsewhere).save_role(name, body.help, body.permissions)
    return _the_role(ctx, name, elsewhere)


def drop_role(ctx: Context, name: model.RoleName, elsewhere: Elsewhere = "") -> list[model.Role]:
    administration(ctx, elsewhere).drop_role(name)
    return roles(ctx, elsewhere)


def groups(ctx: Context, elsewhere: Elsewhere = "") -> list[model.Group]:
    tenant = administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        found = accounts.list_groups(connection, tenant)
    return [model.Group(name=one.name, roles=list(one.roles), members=list(one.members)) for one in found]


def save_group(ctx: Context, name: str, body: model.GroupBody, elsewhere: Elsewhere = "") -> list[model.Group]:
    administration(ctx, elsewhere).save_group(name, body.roles, body.members)
    return groups(ctx, elsewhere)


def drop_group(ctx: Context, name: str, elsewhere: Elsewhere = "") -> list[model.Group]:
    administration(ctx, elsewhere).drop_group(name)
    return groups(ctx, elsewhere)


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


def _the_role(ctx: Context, name: str, elsewhere: str) -> model.Role:
    for role in roles(ctx, elsewhere):
        if role.name == name:
            return role
    raise NotFound(f"there is no role {name!r}")


def _user(account: Account) -> model.User:
    return model.User(
        id=account.id,
        name=account.name,
        email=account.email,
        kind=account.kind.value,
        disabled=account.disabled,
        roles=list(account.roles),
        second_factor=account.second_factor,
        created_ms=account.created_ms,
    )


_ERRORS = (400, 404, 409)
_USERS, _ROLES, _GROUPS = "/api/identity/users", "/api/identity/roles", "/api/identity/groups"

ROUTES = (
    Route(
        method="GET",
        path=_USERS,
        handler=users,
        permission=USERS_READ,
        summary="Every account.",
        errors=(400, 404),
    ),
    Route(
        method="POST",
        path=_USERS,
        handler=add_user,
        permission=USERS_WRITE,
        summary="Add a person or a service account.",
        status=201,
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path=f"{_USERS}/{{name}}",
        handler=user,
        permission=USERS_READ,
        summary="One account.",
        errors=_ERRORS,
    ),
    Route(
        method="PATCH",
        path=f"{_USERS}/{{name}}",
        handler=change_user,
        permission=USERS_WRITE,
        summary="Change an account: its roles, its address, whether it is disabled.",
        errors=_ERRORS,
    ),
    Route(
        method="PUT",
        path=f"{_USERS}/{{name}}/password",
        handler=set_password,
        permission=USERS_WRITE,
        summary="Set somebody's password anew; all their sessions end.",
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path=_ROLES,
        handler=roles,
        permission=USERS_READ,
        summary="Every role and what it grants.",
        errors=(400, 404),
    ),
    Route(
        method="PUT",
        path=f"{_ROLES}/{{name}}",
        handler=save_role,
        permission=ROLES_WRITE,
        summary="Make a role of your own, or change it.",
        errors=_ERRORS,
    ),
    Route(
        method="DELETE",
        path=f"{_ROLES}/{{name}}",
        handler=drop_role,
        permission=ROLES_WRITE,
        summary="Delete a role of your own; whoever holds it loses it.",
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path=_GROUPS,
        handler=groups,
        permission=USERS_READ,
        summary="Every group.",
        errors=(400, 404),
    ),
    Route(
        method="PUT",
        path=f"{_GROUPS}/{{name}}",
        handler=save_group,
        permission=USERS_WRITE,
        summary="Make a group, or change its members and roles.",
        errors=_ERRORS,
    ),
    Route(
        method="DELETE",
        path=f"{_GROUPS}/{{name}}",
        handler=drop_group,
        permission=USERS_WRITE,
        summary="Delete a group; its members lose what they held by it.",
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path=f"{_USERS}/{{name}}/keys",
        handler=keys,
        permission=KEYS_READ,
        summary="The API keys of an account.",
        errors=_ERRORS,
    ),
    Route(
        method="POST",
        path=f"{_USERS}/{{name}}/keys",
        handler=make_key,
        permission=KEYS_WRITE,
        summary="Make an API key; the answer is the only place where it stands.",
        status=201,
        errors=_ERRORS,
    ),
    Route(
        method="DELETE",
        path="/api/identity/keys/{id}",
        handler=revoke_key,
        permission=KEYS_WRITE,
        summary="Revoke an API key.",
        errors=_ERRORS,
    ),
)
