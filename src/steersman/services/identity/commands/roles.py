"""`steersman role ...`: the standing roles and those of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.model.errors import NotFound
from steersman.services.identity.commands.speaking import HERE, Data, Elsewhere, Url, ask, part

_Name = Annotated[str, typer.Argument(metavar="ROLE")]
_Grants = Annotated[list[str], typer.Argument(metavar="PERMISSION...")]
_Help = Annotated[str, typer.Option("--what-for", help="What it is for, in your words.")]


def show_all(tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print one line for each role."""
    for one in ask(url, data, "GET", "roles", tenant=tenant):
        count = "everything" if "*" in one["permissions"] else f"{len(one['permissions'])} permissions"
        typer.echo(
            f"{one['name']:<24} {'standing' if one['standing'] else 'own':<9} {count:<16} {one['help']}".rstrip()
        )


def show(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print what a role grants, one permission a line."""
    for one in ask(url, data, "GET", "roles", tenant=tenant):
        if one["name"] == name:
            typer.echo("\n".join(one["permissions"]) or "nothing")
            return
    raise NotFound(f"there is no role {name!r}: steersman role list")


def add(
    name: _Name, permissions: _Grants, what_for: _Help = "", tenant: Elsewhere = "", url: Url = HERE, data: Data = None
) -> None:
    """Make a role of your own, or let it grant exactly this; short names such as TELEMETRY_READ are understood."""
    body = {"help": what_for, "permissions": permissions}
    made = ask(url, data, "PUT", f"roles/{part(name)}", body, tenant=tenant)
    typer.echo(f"{made['name']} grants {', '.join(made['permissions'])}")


def remove(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Delete a role of your own; whoever holds it loses it."""
    ask(url, data, "DELETE", f"roles/{part(name)}", tenant=tenant)
    typer.echo(f"{name} is deleted")
