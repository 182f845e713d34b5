"""Roles under /api/identity/roles: the standing ones, and those of one's own."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Route
from steersman.model.errors import NotFound
from steersman.runtime.identity import accounts
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.roles import ROLES_WRITE, granted
from steersman.services.identity import model
from steersman.services.identity.web.acting import ERRORS, USERS_READ, Elsewhere, administration


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
    return the_role(ctx, name, elsewhere)


def drop_role(ctx: Context, name: model.RoleName, elsewhere: Elsewhere = "") -> list[model.Role]:
    administration(ctx, elsewhere).drop_role(name)
    return roles(ctx, elsewhere)


def the_role(ctx: Context, name: str, elsewhere: str) -> model.Role:
    for role in roles(ctx, elsewhere):
        if role.name == name:
            return role
    raise NotFound(f"there is no role {name!r}")


_ROLES = "/api/identity/roles"

ROUTES = (
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
        errors=ERRORS,
        requires=(TwoPeople(),),
    ),
    Route(
        method="DELETE",
        path=f"{_ROLES}/{{name}}",
        handler=drop_role,
        permission=ROLES_WRITE,
        summary="Delete a role of your own; whoever holds it loses it.",
        errors=ERRORS,
        requires=(TwoPeople(),),
    ),
)
