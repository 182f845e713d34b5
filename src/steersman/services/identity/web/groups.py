"""Groups under /api/identity/groups."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.service import Route
from steersman.runtime.identity.groups import Group, list_groups, the_group
from steersman.services.identity import model
from steersman.services.identity.web.acting import ERRORS, USERS_READ, USERS_WRITE, Elsewhere, administration


def groups(ctx: Context, elsewhere: Elsewhere = "") -> list[model.Group]:
    tenant = administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        return [view_group(one) for one in list_groups(connection, tenant)]


def group(ctx: Context, name: str, elsewhere: Elsewhere = "") -> model.Group:
    tenant = administration(ctx, elsewhere).tenant
    with ctx.ports.database.reading() as connection:
        return view_group(the_group(connection, tenant, name))


def save_group(ctx: Context, name: str, body: model.GroupBody, elsewhere: Elsewhere = "") -> list[model.Group]:
    administration(ctx, elsewhere).save_group(name, body.roles, body.members)
    return groups(ctx, elsewhere)


def drop_group(ctx: Context, name: str, elsewhere: Elsewhere = "") -> list[model.Group]:
    administration(ctx, elsewhere).drop_group(name)
    return groups(ctx, elsewhere)


def put_into_group(ctx: Context, name: str, member: str, elsewhere: Elsewhere = "") -> model.Group:
    return view_group(administration(ctx, elsewhere).put_in(name, member))


def take_out_of_group(ctx: Context, name: str, member: str, elsewhere: Elsewhere = "") -> model.Group:
    return view_group(administration(ctx, elsewhere).take_out(name, member))


def view_group(one: Group) -> model.Group:
    return model.Group(name=one.name, roles=list(one.roles), members=list(one.members))


_GROUPS = "/api/identity/groups"
_ONE = f"{_GROUPS}/{{name}}"
_MEMBER = f"{_ONE}/members/{{member}}"

ROUTES = (
    Route(
        method="GET",
        path=_GROUPS,
        handler=groups,
        permission=USERS_READ,
        summary="Every group.",
        errors=(400, 404),
    ),
    Route(method="GET", path=_ONE, handler=group, permission=USERS_READ, summary="One group.", errors=(400, 404)),
    Route(
        method="PUT",
        path=_ONE,
        handler=save_group,
        permission=USERS_WRITE,
        summary="Make a group, or change its roles, and its members where some are given.",
        errors=ERRORS,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=drop_group,
        permission=USERS_WRITE,
        summary="Delete a group; its members lose what they held by it.",
        errors=ERRORS,
    ),
    Route(
        method="PUT",
        path=_MEMBER,
        handler=put_into_group,
        permission=USERS_WRITE,
        summary="Put somebody into a group.",
        errors=ERRORS,
    ),
    Route(
        method="DELETE",
        path=_MEMBER,
        handler=take_out_of_group,
        permission=USERS_WRITE,
        summary="Take somebody out of a group.",
        errors=ERRORS,
    ),
)
