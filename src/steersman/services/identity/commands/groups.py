"""`steersman group ...`: groups of a running platform."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.services.identity.commands.speaking import HERE, Data, Elsewhere, Url, ask, part
from steersman.services.identity.commands.writing import listed

_Name = Annotated[str, typer.Argument(metavar="GROUP")]
_Members = Annotated[list[str], typer.Argument(metavar="ACCOUNT...")]
_Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be given more than once.")]


def show_all(tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print one line for each group."""
    for one in ask(url, data, "GET", "groups", tenant=tenant):
        typer.echo(f"{one['name']:<24} members {len(one['members']):>5}  {listed(one['roles'], 'no role')}")


def show(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print who is in a group and what they hold by it."""
    one = ask(url, data, "GET", f"groups/{part(name)}", tenant=tenant)
    typer.echo(f"roles    {listed(one['roles'])}")
    typer.echo(f"members  {listed(one['members'])}")


def add(name: _Name, role: _Roles = None, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Make a group, or give the one of this name exactly these roles; who is in it stays."""
    ask(url, data, "PUT", f"groups/{part(name)}", {"roles": role or []}, tenant=tenant)
    typer.echo(f"{name} holds {listed(role or [], 'no role')}")


def put_in(name: _Name, members: _Members, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Put accounts into a group."""
    for member in members:
        one = ask(url, data, "PUT", f"groups/{part(name)}/members/{part(member)}", tenant=tenant)
        typer.echo(f"{member} is in {one['name']}")


def take_out(name: _Name, members: _Members, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Take accounts out of a group."""
    for member in members:
        one = ask(url, data, "DELETE", f"groups/{part(name)}/members/{part(member)}", tenant=tenant)
        typer.echo(f"{member} is not in {one['name']}")


def remove(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Delete a group; its members lose what they held by it."""
    ask(url, data, "DELETE", f"groups/{part(name)}", tenant=tenant)
    typer.echo(f"{name} is deleted")
