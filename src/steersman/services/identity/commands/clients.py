"""`steersman client ...`: programs of third parties, which act for people who agree to it."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.runtime.http.remote import call, found_token
from steersman.services.identity.commands.speaking import HERE, Data, Url, part

_Name = Annotated[str, typer.Argument(metavar="NAME")]
_Redirects = Annotated[list[str], typer.Option("--redirect", help="Where people return to; may be given again.")]
_Scopes = Annotated[list[str], typer.Option("--scope", help="The most that it may ever ask for.")]
_Confidential = Annotated[bool | None, typer.Option("--confidential", help="It runs on a server and keeps a secret.")]


def show_all(url: Url = HERE, data: Data = None) -> None:
    """Print one line for each registered program."""
    for one in call(url, "GET", "/auth/clients", None, found_token(data)):
        typer.echo(f"{one['client_id']} {one['name']:<24} {' '.join(one['scopes'])}")


def add(
    name: _Name,
    redirect: _Redirects,
    scope: _Scopes,
    confidential: _Confidential = None,
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Register a program and print its id, and this once its secret."""
    body = {"name": name, "redirect_uris": redirect, "scopes": scope, "confidential": bool(confidential)}
    made = call(url, "POST", "/auth/clients", body, found_token(data))
    typer.echo(made["client_id"])
    if made["client_secret"]:
        typer.echo(f"secret: {made['client_secret']}")


def revoke(id: Annotated[str, typer.Argument(metavar="ID")], url: Url = HERE, data: Data = None) -> None:
    """Revoke a program: it acts for nobody any more."""
    call(url, "DELETE", f"/auth/clients/{part(id)}", None, found_token(data))
    typer.echo(f"{id} is revoked")
