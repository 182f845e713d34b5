"""`steersman user ...`: accounts of a running platform."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.services.identity.commands.speaking import HERE, Data, Url, ask, asked_password, part

_Name = Annotated[str, typer.Argument(metavar="NAME")]
_Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be given more than once.")]
_Service = Annotated[bool | None, typer.Option("--service", help="A service account: API keys, and no password.")]
_Enable = Annotated[bool | None, typer.Option("--enable", help="Let it in again.")]


def add(
    name: _Name,
    role: _Roles = None,
    email: Annotated[str, typer.Option(help="An address, for people to know whose account it is.")] = "",
    service: _Service = None,
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Add an account; the password is asked for, or read from standard input."""
    body = {"name": name, "email": email, "roles": role or [], "kind": "service" if service else "person"}
    if not service:
        body["password"] = asked_password()
    made = ask(url, data, "POST", "users", body)
    typer.echo(f"{made['name']} is added, with {_listed(made['roles'])}")


def show(url: Url = HERE, data: Data = None) -> None:
    """Print one line for each account."""
    for one in ask(url, data, "GET", "users"):
        state = "disabled" if one["disabled"] else "active"
        typer.echo(f"{one['name']:<24} {one['kind']:<8} {state:<9} {_listed(one['roles'])}")


def disable(name: _Name, enable: _Enable = None, url: Url = HERE, data: Data = None) -> None:
    """Disable an account, or enable it."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"disabled": not enable})
    typer.echo(f"{changed['name']} is {'disabled' if changed['disabled'] else 'enabled'}")


def password(name: _Name, url: Url = HERE, data: Data = None) -> None:
    """Set a password; it is asked for, or read from standard input."""
    changed = ask(url, data, "PUT", f"users/{part(name)}/password", {"password": asked_password()})
    typer.echo(f"{changed['name']} has a new password, and no session any more")


def role(
    name: _Name,
    roles: Annotated[list[str] | None, typer.Argument(metavar="ROLE...")] = None,
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Give an account exactly these roles; none takes all of them away."""
    changed = ask(url, data, "PATCH", f"users/{part(name)}", {"roles": roles or []})
    typer.echo(f"{changed['name']} has {_listed(changed['roles'])}")


def _listed(roles: list[str]) -> str:
    return ", ".join(roles) if roles else "no role"
