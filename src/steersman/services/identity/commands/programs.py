"""`steersman key ...`: API keys of a running platform."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.runtime.http.remote import call, found_token
from steersman.services.identity.commands.speaking import HERE, Data, Elsewhere, Url, ask, part

_Name = Annotated[str, typer.Argument(metavar="ACCOUNT")]
_Scopes = Annotated[list[str], typer.Option("--scope", help="A permission, or * for all that the account has.")]


def add(
    name: _Name,
    scope: _Scopes,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[int, typer.Option(help="How long it lives.")] = 90,
    tenant: Elsewhere = "",
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Make a key and print it, this once."""
    body = {"label": label, "scopes": scope, "days": days}
    typer.echo(ask(url, data, "POST", f"users/{part(name)}/keys", body, tenant=tenant)["key"])


def show(name: _Name, tenant: Elsewhere = "", url: Url = HERE, data: Data = None) -> None:
    """Print one line for each key of an account."""
    for one in ask(url, data, "GET", f"users/{part(name)}/keys", tenant=tenant):
        state = "revoked" if one["revoked_ms"] else "good"
        typer.echo(f"{one['id']} {state:<8} {one['label'] or '-':<24} {' '.join(one['scopes'])}")


def revoke(
    id: Annotated[str, typer.Argument(metavar="ID")], tenant: Elsewhere = "", url: Url = HERE, data: Data = None
) -> None:
    """Revoke a key; `bootstrap` is the one in the data directory."""
    if id == "bootstrap":
        call(url, "DELETE", "/auth/bootstrap", None, found_token(data))
        typer.echo("The key in the data directory opens nothing any more; steersman key local makes a new one")
        return
    ask(url, data, "DELETE", f"keys/{part(id)}", tenant=tenant)
    typer.echo(f"{id} is revoked")
