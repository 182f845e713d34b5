"""The page for whoever looks after people: accounts, groups, roles and tenants.

It reads with the same functions as the operations beside it, within the same reach, and what its forms send goes to
those operations. So nobody sees or does here what they could not ask for over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from steersman.contract.ports import Context
from steersman.contract.service import Page
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.house import House
from steersman.runtime.identity.listing import Wanted, Which
from steersman.runtime.identity.roles import ROLES_WRITE, TENANTS_CROSS, TENANTS_READ, TENANTS_WRITE
from steersman.services.identity import model
from steersman.services.identity.store import Administration
from steersman.services.identity.web import groups, keys, roles, tenants
from steersman.services.identity.web.acting import KEYS_READ, KEYS_WRITE, USERS_READ, USERS_WRITE, administration
from steersman.services.identity.web.people import view_user

_PATH = "/people"
_ON_A_PAGE = 50
#: More members than these are counted, and found under the accounts.
_MEMBERS_SHOWN = 200
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the page's links and forms lead, in the tenant that is looked at."""

    tenant: str

    def at(self, **query: str) -> str:
        """Return the address of a part of this page."""
        pairs = {**query, "tenant": self.tenant}
        given = urlencode({name: value for name, value in pairs.items() if value})
        return f"{_PATH}?{given}" if given else _PATH

    def rest(self, *parts: str) -> str:
        """Return the address of an operation; braces stand for what somebody types."""
        path = "/".join(quote(part, safe="{}") for part in parts)
        return f"/api/identity/{path}" + (f"?{urlencode({'tenant': self.tenant})}" if self.tenant else "")


def page(ctx: Context) -> Mapping[str, Any]:
    """Return the part of the page that the address asks for."""
    query = {name: value[:_LONGEST] for name, value in ctx.query.items()}
    acting, addresses = administration(ctx, query.get("tenant", "")), Addresses(query.get("tenant", ""))
    part = query.get("view", "")
    show = _PARTS.get(part, _accounts)
    if show is _tenants and not ctx.caller.may(TENANTS_READ):
        show = _accounts
    if show is _accounts and query.get("account"):
        show = _account
    return {
        "part": show.__name__.strip("_"),
        "tenant": acting.tenant,
        "home": DEFAULT_TENANT,
        "at": addresses.at,
        "rest": addresses.rest,
        "may": _may(ctx),
        "now_ms": ctx.ports.clock.wall_ns() // 1_000_000,
        **show(ctx, acting, query),
    }


def _may(ctx: Context) -> dict[str, bool]:
    wanted = {
        "write": USERS_WRITE,
        "roles": ROLES_WRITE,
        "keys": KEYS_WRITE,
        "see_tenants": TENANTS_READ,
        "tenants": TENANTS_WRITE,
        "cross": TENANTS_CROSS,
    }
    return {name: ctx.caller.may(permission) for name, permission in wanted.items()}


def _accounts(ctx: Context, acting: Administration, query: Mapping[str, str]) -> dict[str, Any]:
    which = Which.ALL
    with suppress(ValueError):
        which = Which(query.get("kind", Which.ALL))
    wanted = Wanted(query.get("q", ""), which, query.get("after", ""), _ON_A_PAGE + 1)
    found, total = acting.page(wanted)
    shown = found[:_ON_A_PAGE]
    return {
        "rows": [view_user(one) for one in shown],
        "total": total,
        "wanted": wanted,
        "kinds": [one.value for one in Which],
        "next": shown[-1].account.name if len(found) > _ON_A_PAGE else "",
        "offered": _offered(ctx, acting),
    }


def _account(ctx: Context, acting: Administration, query: Mapping[str, str]) -> dict[str, Any]:
    listed = acting.one(query["account"])
    with ctx.ports.database.reading() as connection:
        reached = acting.reaches(connection, listed.account)
    name = listed.account.name
    everyone = [one.name for one in groups.groups(ctx, acting.tenant)]
    return {
        "one": view_user(listed),
        "reached": reached,
        "own": listed.account.id == ctx.caller.account,
        "offered": _offered(ctx, acting),
        "other_groups": [one for one in everyone if one not in listed.groups],
        "sessions": acting.sessions_of(name) if reached else [],
        "held_keys": keys.keys(ctx, name, acting.tenant) if ctx.caller.may(KEYS_READ) else None,
        "permissions": sorted(acting.declared) if "*" in ctx.caller.permissions else sorted(ctx.caller.permissions),
    }


def _groups(ctx: Context, acting: Administration, query: Mapping[str, str]) -> dict[str, Any]:
    found = groups.groups(ctx, acting.tenant)
    chosen = next((one for one in found if one.name == query.get("group")), None)
    return {
        "rows": found,
        "chosen": chosen,
        "members": [] if chosen is None else chosen.members[:_MEMBERS_SHOWN],
        "offered": _offered(ctx, acting),
    }


def _roles(ctx: Context, acting: Administration, query: Mapping[str, str]) -> dict[str, Any]:
    found = roles.roles(ctx, acting.tenant)
    chosen = next((one for one in found if one.name == query.get("role")), None)
    return {"rows": found, "chosen": chosen, "areas": _areas(ctx, acting, chosen)}


def _tenants(ctx: Context, _acting: Administration, _query: Mapping[str, str]) -> dict[str, Any]:
    return {"rows": tenants.list_tenants(ctx)}


def _offered(ctx: Context, acting: Administration) -> dict[str, bool]:
    with ctx.ports.database.reading() as connection:
        return acting.offered(connection)


def _areas(ctx: Context, acting: Administration, chosen: model.Role | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return what can be granted, by service: whether the role has it, and whether the caller could give it."""
    held = set() if chosen is None else set(chosen.permissions)
    standing = acting.identity.standing
    found = []
    for service in ctx.ports.get(House).services:
        here = standing.within(frozenset(service.permissions), acting.tenant)
        rows = [
            {
                "name": name,
                "help": service.permissions[name],
                "held": name in held or "*" in held,
                "own": ctx.caller.may(name),
            }
            for name in service.permissions
            if name in here
        ]
        if rows:
            found.append((service.name, rows))
    return found


_Part = Callable[[Context, Administration, Mapping[str, str]], dict[str, Any]]
_PARTS: Mapping[str, _Part] = {"groups": _groups, "roles": _roles, "tenants": _tenants}

PAGES = (Page(path=_PATH, title="People", title_zh="人员", template="people.html", view=page, permission=USERS_READ),)
