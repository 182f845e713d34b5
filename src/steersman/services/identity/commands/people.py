"""`steersman user ...`: accounts of a running platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from steersman.model.errors import InvalidInput
from steersman.services.identity.commands.speaking import HERE, Data, Elsewhere, Url, ask, asked_password, part
from steersman.services.identity.commands.writing import ago, listed

_Name = Annotated[str, typer.Argument(metavar="NAME")]
_Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be given more than once.")]
_Service = Annotated[bool | None, typer.Option("--service", help="A service account: API keys, and no password.")]
_Invite = Annotated[bool | None, typer.Option("--invite", help="Ask for no password: print a link to choose one with.")]
_Enable = Annotated[bool | None, typer.Option("--enable", help="Let it in again.")]
_Query = Annotated[str, typer.Option(help="Only those with this in their name or address.")]
_Kind = Annotated[str, typer.Option(help="all, person, service or disabled.")]
_End = Annotated[str | None, typer.Option("--end", help="End this one, by its id, or `all`.", metavar="ID")]
_AT_ONCE = 500


def add(
    name: _Name,
    role: _Roles = None,
    email: Annotated[str, typer.Option(help="An address, for people to know whose account it is.")] = "",
    service: _Service = None,
    invite: _Invite = None,
    tenant: Elsewhere = "",
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Add an account; the password is asked for, or read from standard input."""
    body: dict[str, Any] = {"name": name, "email": email, "roles": role or []}
    body["kind"] = "service" if service else "person"
    if service and invite:
        raise InvalidInput("a service account has no password to choose: make it an API key")
    if invite:
        body["invite"] = True
    elif not service:
        body["password"] = asked_password()
    made = ask(url, data, "POST", "users", body, tenant=tenant)
    typer.echo(f"{made['name']} is added, with {listed(made['roles'], 'no role')}")
    if invite:
        _hand_over(url, made)


def show_all(
    query: _Query = "", kind: _Kind = "all", tenant: Elsewhere = "", url: Url = HERE, data: Data = None
) -> None:
    """Print one line for each account."""
    for one in _every(url, data, tenant, q=query, kind=kind):
        state = "disabled" if one["disabled"] else "active"
        roles = listed(one["roles"], "no role")
        groups = f" (groups: {', '.join(one['groups'])})" if one["groups"] else ""
        typer.echo(f"{one['name']:<24} {one['kind']:<8} {state:<9} {roles}{groups}")


def show(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print what an account is and holds."""
    one = ask(url, data, "GET", f"users/{part(name)}", tenant=tenant)
    factors = [*(["authenticator app"] if one["second_factor"] else []), *(["passkey"] if one["asks_passkey"] else [])]
    rows = {
        "name": one["name"],
        "address": one["email"] or "-",
        "kind": one["kind"],
        "state": "disabled" if one["disabled"] else "active",
        "roles": listed(one["roles"]),
        "groups": listed(one["groups"]),
        "password": "set" if one["has_password"] else "not chosen",
        "second factor": listed(factors),
        "passkeys": one["passkeys"],
        "sessions": one["sessions"],
        "keys": one["keys"],
        "last sign-in": ago(one["signed_in_ms"]),
    }
    for title, value in rows.items():
        typer.echo(f"{title:<14} {value}")


def disable(name: _Name, enable: _Enable = None, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Disable an account, or enable it."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"disabled": not enable}, tenant=tenant)
    typer.echo(f"{changed['name']} is {'disabled' if changed['disabled'] else 'enabled'}")


def enable(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Let an account in again."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"disabled": False}, tenant=tenant)
    typer.echo(f"{changed['name']} is enabled")


def password(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Set a password; it is asked for, or read from standard input."""
    body = {"password": asked_password()}
    changed = ask(url, data, "PUT", f"users/{part(name)}/password", body, tenant=tenant)
    typer.echo(f"{changed['name']} has a new password, and no session any more")


def invite(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print a link with which somebody chooses their password, once, within a day."""
    _hand_over(url, ask(url, data, "POST", f"users/{part(name)}/invitation", tenant=tenant))


def factor(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Ask somebody who lost their second factor for none any more."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"second_factor": False}, tenant=tenant)
    typer.echo(f"{changed['name']} is asked for no second factor any more")


def role(
    name: _Name,
    roles: Annotated[list[str] | None, typer.Argument(metavar="ROLE...")] = None,
    tenant: Elsewhere = "",
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Give an account exactly these roles; none takes all of them away."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"roles": roles or []}, tenant=tenant)
    typer.echo(f"{changed['name']} has {listed(changed['roles'], 'no role')}")


def sessions(name: _Name, end: _End = None, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print one line for each session of somebody, or end them."""
    path = f"users/{part(name)}/sessions"
    if end is None:
        for one in ask(url, data, "GET", path, tenant=tenant):
            seen = f"seen {ago(one['seen_ms'])}"
            typer.echo(f"{one['id']} {one['kind']:<7} {one['address'] or '-':<16} {seen:<24} {one['agent'] or '-'}")
        return
    ended = ask(url, data, "DELETE", path if end == "all" else f"{path}/{part(end)}", tenant=tenant)["ended"]
    typer.echo(f"{ended} ended")


def _every(url: str, data: Any, tenant: str, **query: str) -> Iterator[Any]:
    """Yield every account, however many there are, a page at a time."""
    after = ""
    while True:
        found = ask(url, data, "GET", "users", tenant=tenant, after=after, limit=str(_AT_ONCE), **query)
        yield from found
        if len(found) < _AT_ONCE:
            return
        after = found[-1]["name"]


def _hand_over(url: str, made: Any) -> None:
    typer.echo(f"Hand this over; it opens once, within a day: {url.rstrip('/')}{made['invitation']}")
